// A neuron is one header, also for a user: two models and a surrogate from outside the library,
// through the same checks as its own.
#include "ranvier/ops/neurons/custom.h"
#include "ranvier/ops/neurons/scan.h"
#include "tests/support/catch.h"
#include "tests/support/models/qif.h"
#include "tests/support/models/synaptic.h"
#include "tests/support/neuron_checks.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using test::Approx;
using test::weighted_sum;
using Values = std::vector<double>;

/// SpikingJelly's SoftSign, which the library does not have: 1 / (2 alpha (1 / alpha + |x|)^2)
struct SoftSign {
  double alpha = 2.0;
  static constexpr const char* name = "soft_sign";
  template <class R>
  struct Slope {
    R inverse_alpha;
    RV_HD R operator()(R x) const {
      const R u = inverse_alpha + neurons::absolute(x);
      return R(0.5) * inverse_alpha / (u * u);
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    return {static_cast<R>(1 / alpha)};
  }
};

/// A model whose adjoint is off in the tenth digit.
struct Wrong : test::Qif {
  template <class R, class Slope>
  static R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out, State<R>& grad,
                   Learnable<R>& learnt, Slope slope) {
    const R result = test::Qif::adjoint(p, before, x, grad_out, grad, learnt, slope);
    grad.v = grad.v * (1 + 1e-10);
    return result;
  }
};

const Values input{0.5, 0.8, 1.2, -0.3, 0.9, 1.5, 0.2, 0.7};

TEST_CASE("a user's models pass the adjoint check with the library's and a user's surrogate") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    AllSurrogates::for_each([&]<class S>(int) {
      for (const auto& options : test::variants_of<test::QIFOptions>())
        CHECK(test::AdjointCheck<test::Qif>(options, seed).mismatch(S{}) == "");
      CHECK(test::AdjointCheck<test::Synaptic>({}, seed).mismatch(S{}) == "");
    });
    CHECK(test::AdjointCheck<test::Qif>({}, seed).mismatch(SoftSign{}) == "");
    CHECK(test::AdjointCheck<test::Synaptic>({}, seed).mismatch(SoftSign{}) == "");
  }
}

TEST_CASE("the adjoint check notices a wrong adjoint") {
  CHECK(test::AdjointCheck<Wrong>({}, 1).mismatch(surrogate::ATan{}) != "");
}

TEST_CASE("a user's quadratic neuron gives SpikingJelly's trace and gradient") {
  const Neuron neuron = custom_neuron<test::Qif>({}, surrogate::ATan{});
  Tensor x = from_vector(input, {8, 1}).set_requires_grad(true);
  const ScanResult result = scan(neuron, x, {}, {.trace = true});
  CHECK(to_vector(result.spikes) == Values{0, 0, 1, 0, 0, 1, 0, 0});
  const Values charged{.195, .536013, 1.06526, -.205, .348012, 1.01936, .045, .378012};
  const Values gradient{.436077, .482741, .35669, .220236, .471761, .433497, .115956, .103772};
  result.spikes.backward(full({8, 1}, 1, {.dtype = DType::f64}));
  for (std::size_t t = 0; t < 8; ++t) {
    CAPTURE(t);
    const bool spiked = result.spikes.data<double>()[t] != 0;
    CHECK(result.trace.data<double>()[t] == Approx(spiked ? -0.1 : charged[t]).margin(5e-6));
    CHECK(x.grad().data<double>()[t] == Approx(gradient[t]).margin(5e-6));
  }
}

TEST_CASE("a user's neuron with two state variables gives snnTorch's trace") {
  const Neuron neuron = custom_neuron<test::Synaptic>({}, surrogate::ATan{});
  CHECK(neuron.states() == 2);
  CHECK(neuron.learnable_names() == std::vector<std::string>{"alpha", "beta"});
  const Tensor x = from_vector(input, {8, 1}).to(DType::f32);
  const ScanResult result = scan(neuron, x, {}, {.trace = true});
  CHECK(to_vector(result.spikes) == Values{0, 1, 1, 1, 1, 1, 1, 1});
  const Values mem{.5, 1.65, 2.645, 2.8085, 3.57005, 5.34696, 6.5194, 7.73317};
  for (std::size_t t = 0; t < 8; ++t)
    CHECK(to_vector(result.trace)[t] == Approx(mem[t]).margin(1e-5));
}

TEST_CASE("both state variables of a user's neuron cross a cut of time with their gradients") {
  const std::int64_t steps = 7, width = 300;
  test::Numbers numbers(3);
  const auto random = [&](const Shape& shape) {
    return from_vector(numbers.many(static_cast<std::size_t>(shape.numel()), -1, 1), shape);
  };
  const Neuron neuron = custom_neuron<test::Synaptic>({}, SoftSign{});
  const Tensor x = random({steps, width}), weight = random({steps, width});
  const Tensor on_mem = random({width}), on_syn = random({width});
  const auto rows = [&](const Tensor& all, std::int64_t begin, std::int64_t end) {
    return from_span(std::span(all.data<double>() + begin * width,
                               static_cast<std::size_t>((end - begin) * width)),
                     {end - begin, width});
  };
  Values whole_spikes, whole_grads, whole_learnt;
  for (std::int64_t cut = steps; cut > 0; --cut) {
    CAPTURE(cut);
    NeuronState state;
    std::vector<Tensor> shards;
    std::vector<test::Weighted> terms;
    for (const auto& [begin, end] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, steps}}) {
      if (begin == end) continue;
      shards.push_back(rows(x, begin, end).set_requires_grad(true));
      const ScanResult part = scan(neuron, shards.back(), state, {.final_state = true});
      state = part.state;
      terms.push_back({part.spikes, rows(weight, begin, end)});
    }
    Values spikes, grads, learnt;
    for (const auto& term : terms)
      for (const double s : to_vector(term.value)) spikes.push_back(s);
    terms.push_back({state.variables()[0], on_mem});
    terms.push_back({state.variables()[1], on_syn});
    weighted_sum(terms).backward();
    for (const Tensor& part : shards)
      for (const double g : to_vector(part.grad())) grads.push_back(g);
    for (Tensor learnable : neuron.learnables) {
      learnt.push_back(learnable.grad().item());
      learnable.set_grad({});
    }
    if (cut == steps) {
      whole_spikes = spikes;
      whole_grads = grads;
      whole_learnt = learnt;
    }
    CHECK(spikes == whole_spikes);
    CHECK(grads == whole_grads);
    CHECK(learnt[0] == Approx(whole_learnt[0]).epsilon(1e-6));
    CHECK(learnt[1] == Approx(whole_learnt[1]).epsilon(1e-6));
  }
}

}  // namespace
}  // namespace ranvier
