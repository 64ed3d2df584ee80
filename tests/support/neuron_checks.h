// Checks that every neuron model must pass, the library's and a user's alike.
#pragma once

#include <fmt/core.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "ranvier/core/philox.h"
#include "ranvier/ops/neurons/neuron.h"
#include "tests/support/dual.h"

namespace ranvier::test {

/// Uniform numbers in [low, high), the same in every run.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : seed_(seed) {}
  double operator()(double low, double high) {
    const PhiloxWords words = philox(seed_, next_++);
    const double unit = (words.word[0] >> 5) * 0x1p-27 + (words.word[1] >> 5) * 0x1p-54;
    return low + (high - low) * unit;
  }
  std::vector<double> many(std::size_t count, double low, double high) {
    std::vector<double> values(count);
    for (double& value : values) value = (*this)(low, high);
    return values;
  }

 private:
  std::uint64_t seed_, next_ = 0;
};

namespace detail {

template <class Options, class Change>
void vary(std::vector<Options>& variants, Change change) {
  std::vector<Options> varied;
  for (const Options& options : variants) change(options, varied);
  variants = varied;
}

template <class Options>
Options with_reset(Options options, std::optional<double> v_reset) {
  options.v_reset = v_reset;
  return options;
}

}  // namespace detail

/// Every combination of those options that change a model's formulas, whichever it has.
template <class Options>
std::vector<Options> variants_of() {
  std::vector<Options> variants{Options{}};
  if constexpr (requires(Options o) { o.threshold = 0.8; })
    for (Options& options : variants) options.threshold = 0.8;
  if constexpr (requires(Options o) { o.v_reset = std::nullopt; })
    detail::vary(variants, [](const Options& o, auto& out) {
      for (const std::optional<double> v : {std::optional(0.0), std::optional(-0.3), {}})
        out.push_back(detail::with_reset(o, v));
    });
  if constexpr (requires(Options o) { o.detach_reset = true; })
    detail::vary(variants, [](Options o, auto& out) {
      for (const bool detach : {false, true}) out.push_back((o.detach_reset = detach, o));
    });
  if constexpr (requires(Options o) { o.decay_input = true; })
    detail::vary(variants, [](Options o, auto& out) {
      for (const bool decay : {false, true}) out.push_back((o.decay_input = decay, o));
    });
  if constexpr (requires(Options o) { o.reset = LeakyReset::none; })
    detail::vary(variants, [](Options o, auto& out) {
      for (const auto reset : {LeakyReset::subtract, LeakyReset::zero, LeakyReset::none})
        out.push_back((o.reset = reset, o));
    });
  return variants;
}

/// Compares a model's hand-written `adjoint` with dual numbers run through its `step`: gradients
/// of a loss on outputs, first state variable at every step and last state, with respect to every
/// input, the initial state and the learnables.
template <class Model>
class AdjointCheck {
 public:
  template <class R>
  using Params = typename Model::template Params<R>;
  template <class R>
  using State = typename Model::template State<R>;
  template <class R>
  using Learnable = typename Model::template Learnable<R>;
  static constexpr int states = neurons::field_count<Model::template State>;
  static constexpr int learnables = neurons::field_count<Model::template Learnable>;
  static constexpr int steps = 24;

  AdjointCheck(const typename Model::Options& options, std::uint64_t seed)
      : options_(options), numbers_(seed) {
    x_ = numbers_.many(steps, -0.4, 1.6);
    grad_out_ = numbers_.many(steps, -1, 1);
    grad_trace_ = numbers_.many(steps, -1, 1);
    start_ = numbers_.many(states, -0.5, 1.5);
    grad_end_ = numbers_.many(states, -1, 1);
    if constexpr (learnables > 0) {
      const Learnable<double> initial = Model::template initial<double>(options);
      learnt_.resize(learnables);
      std::memcpy(learnt_.data(), &initial, sizeof(initial));
    }
  }

  /// Empty if all gradients agree to `tolerance`, else the worst one.
  template <class SurrogateType>
  std::string mismatch(const SurrogateType& surrogate, double tolerance = 1e-12) const {
    const auto slope = surrogate.template slope_functor<double>();
    const std::vector<double> adjoint = by_adjoint(slope);
    std::string worst;
    double largest = tolerance;
    for (int i = 0; i < steps + states + learnables; ++i) {
      const double dual = by_dual(slope, i);
      const double difference = std::abs(adjoint[i] - dual) / (1 + std::abs(dual));
      if (difference <= largest) continue;
      largest = difference;
      worst = fmt::format("{} with {}, derivative {}: adjoint {}, dual number {}", Model::name,
                          SurrogateType::name, i, adjoint[i], dual);
    }
    return worst;
  }

 private:
  template <class R>
  Params<R> params(const std::vector<R>& learnt) const {
    Params<R> p = Model::template params<R>(options_);
    if constexpr (learnables > 0) {
      Learnable<R> values;
      std::memcpy(static_cast<void*>(&values), learnt.data(), sizeof(values));
      Model::learn(p, values);
    }
    return p;
  }

  template <class Fields, class R>
  static Fields fields(const std::vector<R>& values) {
    Fields result;
    std::memcpy(static_cast<void*>(&result), values.data(), sizeof(result));
    return result;
  }
  template <class R>
  static R field(const State<R>& state, int k) {
    R values[states];
    std::memcpy(static_cast<void*>(values), &state, sizeof(state));
    return values[k];
  }

  /// d loss / d (x, initial state, learnables)[direction]
  template <class Slope>
  double by_dual(const Slope& slope, int direction) const {
    const auto seeded = [&](const std::vector<double>& values, int offset) {
      std::vector<Dual> duals(values.begin(), values.end());
      const int i = direction - offset;
      if (i >= 0 && i < static_cast<int>(duals.size())) duals[i].derivative = 1;
      return duals;
    };
    const std::vector<Dual> x = seeded(x_, 0);
    State<Dual> state = fields<State<Dual>>(seeded(start_, steps));
    const Params<Dual> p = params<Dual>(seeded(learnt_, steps + states));
    Dual loss;
    for (int t = 0; t < steps; ++t) {
      const Dual out = Model::step(p, state, x[t], DualFire<Slope>{slope});
      loss = loss + grad_out_[t] * out + grad_trace_[t] * field(state, 0);
    }
    for (int k = 0; k < states; ++k) loss = loss + grad_end_[k] * field(state, k);
    return loss.derivative;
  }

  template <class Slope>
  std::vector<double> by_adjoint(const Slope& slope) const {
    const Params<double> p = params<double>(learnt_);
    std::vector<State<double>> before(steps);
    State<double> state = fields<State<double>>(start_);
    for (int t = 0; t < steps; ++t) {
      before[t] = state;
      Model::step(p, state, x_[t], neurons::Fire{});
    }
    std::vector<double> result(steps + states + learnables);
    State<double> grad = fields<State<double>>(grad_end_);
    Learnable<double> grad_learnt{};
    for (int t = steps - 1; t >= 0; --t) {
      std::vector<double> all(states);
      for (int k = 0; k < states; ++k) all[k] = field(grad, k) + (k == 0 ? grad_trace_[t] : 0);
      grad = fields<State<double>>(all);
      result[t] = Model::adjoint(p, before[t], x_[t], grad_out_[t], grad, grad_learnt, slope);
    }
    for (int k = 0; k < states; ++k) result[steps + k] = field(grad, k);
    if constexpr (learnables > 0)
      std::memcpy(result.data() + steps + states, &grad_learnt, sizeof(grad_learnt));
    return result;
  }

  typename Model::Options options_;
  Numbers numbers_;
  std::vector<double> x_, grad_out_, grad_trace_, start_, grad_end_, learnt_;
};

}  // namespace ranvier::test
