// The scan: shards of time, static input, optional results, packed spikes, errors.
#include "ranvier/ops/neurons/scan.h"

#include <cmath>
#include <limits>

#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/neuron_checks.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using test::Approx;
using test::weighted_sum;
using Values = std::vector<double>;

Tensor random(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32, double low = -0.4,
              double high = 1.6) {
  test::Numbers numbers(seed);
  return from_vector(numbers.many(static_cast<std::size_t>(shape.numel()), low, high), shape)
      .to(dtype);
}

Tensor leaf(const Tensor& tensor) { return clone(tensor).set_requires_grad(true); }

/// Steps [begin, end) of a sequence, a copy outside the graph.
template <class R>
Tensor shard_as(const Tensor& sequence, std::int64_t begin, std::int64_t end) {
  const std::int64_t row = sequence.numel() / sequence.size(0);
  const std::span part(sequence.data<R>() + begin * row,
                       static_cast<std::size_t>((end - begin) * row));
  return from_span<R>(part, sequence.shape().with(0, end - begin));
}
Tensor shard(const Tensor& sequence, std::int64_t begin, std::int64_t end) {
  return sequence.dtype() == DType::f32 ? shard_as<float>(sequence, begin, end)
                                        : shard_as<double>(sequence, begin, end);
}

Values concat(const Tensor& a, const Tensor& b) {
  Values all = to_vector(a);
  for (const double value : to_vector(b)) all.push_back(value);
  return all;
}

std::vector<Neuron> neurons_under_test() {
  return {IFOptions{},
          LIFOptions{.tau = 2.5},
          LIFOptions{.tau = 3, .decay_input = false, .v_reset = std::nullopt},
          ParametricLIFOptions{.v_reset = -0.2, .detach_reset = true},
          LeakyOptions{.learn_beta = true},
          LeakyOptions{.reset = LeakyReset::zero},
          LeakyIntegratorOptions{}};
}

/// The learnable's accumulated gradient, cleared for the next run; 0 without learnables.
double take_learnable_grad(const Neuron& neuron) {
  if (neuron.learnables.empty()) return 0;
  Tensor learnable = neuron.learnables[0];
  const double grad = learnable.grad().item();
  learnable.set_grad({});
  return grad;
}

struct Run {
  Values spikes, trace, state, grad_x, grad_start;
  double grad_learnable = 0;
};

constexpr std::int64_t steps = 9, batch = 3, features = 37;

/// All results of a scan over [0, cut) and [cut, steps) and the gradients of a loss on all of
/// them; cut = steps is the uncut scan.
Run run_cut(const Neuron& neuron, std::int64_t cut, DType dtype) {
  const Shape step{batch, features};
  const Tensor x = random(Shape{steps}.concat(step), 1, dtype);
  const Tensor on_spikes = random(x.shape(), 2, dtype), on_trace = random(x.shape(), 3, dtype);
  const Tensor on_state = random(step, 4, dtype), start = leaf(random(step, 5, dtype));
  const ScanOptions keep{.final_state = true, .trace = true};
  const Tensor x1 = leaf(shard(x, 0, cut));
  const ScanResult first = scan(neuron, x1, NeuronState({start}), keep);
  Run run;
  if (cut == steps) {
    weighted_sum(
        {{first.spikes, on_spikes}, {first.trace, on_trace}, {first.state.membrane(), on_state}})
        .backward();
    run = {to_vector(first.spikes), to_vector(first.trace),  to_vector(first.state.membrane()),
           to_vector(x1.grad()),    to_vector(start.grad()), 0};
  } else {
    const Tensor x2 = leaf(shard(x, cut, steps));
    const ScanResult second = scan(neuron, x2, first.state, keep);
    weighted_sum({{first.spikes, shard(on_spikes, 0, cut)},
                  {first.trace, shard(on_trace, 0, cut)},
                  {second.spikes, shard(on_spikes, cut, steps)},
                  {second.trace, shard(on_trace, cut, steps)},
                  {second.state.membrane(), on_state}})
        .backward();
    run = {concat(first.spikes, second.spikes),
           concat(first.trace, second.trace),
           to_vector(second.state.membrane()),
           concat(x1.grad(), x2.grad()),
           to_vector(start.grad()),
           0};
  }
  run.grad_learnable = take_learnable_grad(neuron);
  return run;
}

TEST_CASE("cutting time anywhere changes no spike, state or gradient by a bit") {
  for (const Neuron& neuron : neurons_under_test())
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Run whole = run_cut(neuron, steps, dtype);
      for (std::int64_t cut = 1; cut < steps; ++cut) {
        CAPTURE(neuron.name(), dtype == DType::f32, cut);
        const Run cut_run = run_cut(neuron, cut, dtype);
        CHECK(cut_run.spikes == whole.spikes);
        CHECK(cut_run.trace == whole.trace);
        CHECK(cut_run.state == whole.state);
        CHECK(cut_run.grad_x == whole.grad_x);
        CHECK(cut_run.grad_start == whole.grad_start);
        CHECK(cut_run.grad_learnable == Approx(whole.grad_learnable).epsilon(1e-5));
      }
    }
}

TEST_CASE("a static input shown for T steps is the input repeated T times") {
  for (const Neuron& neuron : neurons_under_test()) {
    CAPTURE(neuron.name());
    const Tensor x = leaf(random({batch, features}, 6, DType::f64));
    Values repeated;
    for (std::int64_t t = 0; t < steps; ++t)
      for (const double value : to_vector(x)) repeated.push_back(value);
    const Tensor xs = leaf(from_vector(repeated, {steps, batch, features}));
    const Tensor weight = random(xs.shape(), 7, DType::f64);

    const ScanResult once = scan(neuron, x, {}, {.steps = steps, .final_state = true});
    const ScanResult each = scan(neuron, xs, {}, {.final_state = true});
    CHECK(once.spikes.shape() == xs.shape());
    CHECK(to_vector(once.spikes) == to_vector(each.spikes));
    CHECK(to_vector(once.state.membrane()) == to_vector(each.state.membrane()));

    once.spikes.backward(weight);
    const double grad_once = take_learnable_grad(neuron);
    each.spikes.backward(weight);
    CHECK(take_learnable_grad(neuron) == Approx(grad_once));
    const Values grads = to_vector(xs.grad()), grad = to_vector(x.grad());
    for (std::size_t i = 0; i < grad.size(); ++i) {
      double sum = 0;
      for (std::size_t t = 0; t < steps; ++t) sum += grads[t * grad.size() + i];
      CHECK(grad[i] == Approx(sum).epsilon(1e-12).margin(1e-13));
    }
  }
}

TEST_CASE("packed spikes are the spikes, for every length of a row") {
  for (const std::int64_t columns : {1, 10, 63, 64, 65, 128, 1000, 1024, 1100, 2500})
    for (const DType dtype : {DType::f32, DType::f64}) {
      CAPTURE(columns, dtype == DType::f32);
      const Tensor x = leaf(random({4, 5, columns}, 8, dtype));
      const Tensor y = leaf(x.detach());
      const ScanResult real = scan(LIFOptions{}, x);
      const ScanResult packed = scan(LIFOptions{}, y, {}, {.packed = true});
      CHECK(packed.spikes.dtype() == DType::bits);
      CHECK(packed.spikes.shape() == x.shape());
      CHECK(to_vector(packed.spikes) == to_vector(real.spikes));
      const Tensor weight = random(x.shape(), 9);
      real.spikes.backward(weight.to(dtype));
      packed.spikes.backward(weight);
      CHECK(to_vector(x.grad()) == to_vector(y.grad()));
    }
}

TEST_CASE("unused bits of packed rows are zero") {
  const Tensor x = full({2, 3, 70}, 2.0);
  const Tensor spikes = scan(IFOptions{}, x, {}, {.packed = true}).spikes;
  const std::uint64_t* words = spikes.data<std::uint64_t>();
  for (int row = 0; row < 6; ++row) {
    CHECK(words[2 * row] == ~std::uint64_t{0});
    CHECK(words[2 * row + 1] == 0x3f);
  }
}

TEST_CASE("the rate is the mean of the spikes over time, and differentiable") {
  for (const Neuron& neuron : neurons_under_test()) {
    CAPTURE(neuron.name());
    const Tensor x = leaf(random({4, 50}, 10, DType::f64)), y = leaf(x.detach());
    const ScanResult result = scan(neuron, x, {}, {.rate = true});
    const Values spikes = to_vector(result.spikes), rate = to_vector(result.rate);
    for (std::size_t i = 0; i < 50; ++i)
      CHECK(rate[i] ==
            Approx((spikes[i] + spikes[50 + i] + spikes[100 + i] + spikes[150 + i]) / 4));

    const Tensor on_rate = random({50}, 11, DType::f64),
                 on_spikes = random({4, 50}, 12, DType::f64);
    weighted_sum({{result.rate, on_rate}, {result.spikes, on_spikes}}).backward();
    Values spread = to_vector(on_spikes);
    for (std::size_t i = 0; i < spread.size(); ++i) spread[i] += to_vector(on_rate)[i % 50] / 4;
    scan(neuron, y).spikes.backward(from_vector(spread, {4, 50}));
    const Values expected = to_vector(y.grad()), got = to_vector(x.grad());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]));
    take_learnable_grad(neuron);
  }
}

TEST_CASE("long sequences give what their steps give one by one") {
  // Longer than a chunk of the backward pass, so that boundary states are recomputed.
  const std::int64_t length = 1500, width = 130;
  const Tensor x = leaf(random({length, width}, 13)), weight = random(x.shape(), 14);
  for (const Neuron& neuron : {Neuron(LIFOptions{.tau = 20}), Neuron(ParametricLIFOptions{})}) {
    CAPTURE(neuron.name());
    Tensor xs = leaf(x);
    const ScanResult whole = scan(neuron, xs);
    whole.spikes.backward(weight);
    const double grad_learnable = take_learnable_grad(neuron);
    const Values all = to_vector(xs.grad()), spikes = to_vector(whole.spikes);

    std::vector<Tensor> inputs, spikes_by_step;
    std::vector<test::Weighted> terms;
    NeuronState state;
    for (std::int64_t t = 0; t < length; ++t) {
      inputs.push_back(leaf(shard(x, t, t + 1)));
      const ScanResult step = scan(neuron, inputs.back(), state, {.final_state = true});
      state = step.state;
      terms.push_back({step.spikes, shard(weight, t, t + 1)});
    }
    weighted_sum(terms).backward();
    bool same_spikes = true, same_grads = true;
    for (std::size_t t = 0; t < length; ++t) {
      const Values s = to_vector(terms[t].value), g = to_vector(inputs[t].grad());
      for (std::size_t i = 0; i < width; ++i) {
        same_spikes = same_spikes && s[i] == spikes[t * width + i];
        same_grads = same_grads && g[i] == all[t * width + i];
      }
    }
    CHECK(same_spikes);
    CHECK(same_grads);
    CHECK(take_learnable_grad(neuron) == Approx(grad_learnable).epsilon(1e-4).margin(1e-3));
  }
}

TEST_CASE("results do not depend on the number of threads") {
  const int before = num_threads();
  const Tensor x = random({8, 40000}, 15), weight = random(x.shape(), 16);
  for (const Neuron& neuron : neurons_under_test()) {
    CAPTURE(neuron.name());
    std::vector<Values> spikes, grads;
    std::vector<double> learnt;
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      Tensor xs = leaf(x);
      const ScanResult result = scan(neuron, xs);
      result.spikes.backward(weight);
      spikes.push_back(to_vector(result.spikes));
      grads.push_back(to_vector(xs.grad()));
      learnt.push_back(take_learnable_grad(neuron));
    }
    CHECK((spikes[0] == spikes[1] && spikes[0] == spikes[2]));
    CHECK((grads[0] == grads[1] && grads[0] == grads[2]));
    CHECK((learnt[0] == learnt[1] && learnt[0] == learnt[2]));
  }
  set_num_threads(before);
}

TEST_CASE("results that bypass the caches are the same") {
  // 8 MB of spikes, at an address that no vector store is aligned to.
  const std::int64_t width = 524289;
  const Tensor x = random({4, width}, 17), weight = random(x.shape(), 18);
  const Tensor large = leaf(x), head = leaf(from_vector(
                                                [&] {
                                                  const Values all = to_vector(x);
                                                  Values some;
                                                  for (std::int64_t t = 0; t < 4; ++t)
                                                    some.insert(some.end(), all.begin() + t * width,
                                                                all.begin() + t * width + 1000);
                                                  return some;
                                                }(),
                                                {4, 1000})
                                                .to(DType::f32));
  const ScanResult all = scan(LIFOptions{}, large, {}, {.trace = true});
  const ScanResult some = scan(LIFOptions{}, head, {}, {.trace = true});
  all.spikes.backward(full(x.shape(), 1));
  some.spikes.backward(full({4, 1000}, 1));
  for (std::int64_t t = 0; t < 4; ++t)
    for (std::int64_t i = 0; i < 1000; ++i) {
      const auto same = [&](const Tensor& a, const Tensor& b) {
        return a.data<float>()[t * width + i] == b.data<float>()[t * 1000 + i];
      };
      if (!same(all.spikes, some.spikes) || !same(all.trace, some.trace) ||
          !same(large.grad(), head.grad()))
        FAIL("step " << t << ", neuron " << i);
    }
}

TEST_CASE(
    "the gradient of a learnable time constant equals finite differences of a smooth readout") {
  // A loss on the membrane of a neuron that never fires is smooth in w.
  const Tensor x = random({12, 40}, 19, DType::f64, -0.1, 0.1);
  for (const bool decay_input : {true, false}) {
    const ParametricLIFOptions options{
        .decay_input = decay_input, .threshold = 50, .v_reset = 0.1, .detach_reset = true};
    const Neuron neuron = options;
    const Tensor weight = random(x.shape(), 20, DType::f64);
    const auto loss = [&](double w) {
      Neuron moved = options;
      moved.learnables[0] = scalar(w, {.dtype = DType::f64}).set_requires_grad(true);
      const ScanResult result = scan(moved, x, {}, {.trace = true});
      const Tensor sum = weighted_sum({{result.trace, weight}});
      sum.backward();
      return std::pair(sum.item(), moved.learnables[0].grad().item());
    };
    const double step = 1e-5, w = 0.3;
    CHECK(loss(w).second ==
          Approx((loss(w + step).first - loss(w - step).first) / (2 * step)).epsilon(1e-7));
  }
}

TEST_CASE("without a gradient wanted nothing is kept for backward") {
  const std::int64_t before = saved_bytes();
  const ScanResult plain = scan(LIFOptions{}, random({4, 10}, 21));
  CHECK_FALSE(plain.spikes.requires_grad());
  CHECK(saved_bytes() == before);
  const Tensor x = leaf(random({4, 10}, 21));
  const ScanResult recorded = scan(LIFOptions{}, x);
  CHECK(saved_bytes() == before + x.nbytes());
  CHECK(recorded.spikes.requires_grad());
}

TEST_CASE("a detached state stops the gradient between shards") {
  const Tensor x = leaf(random({3, 5}, 22));
  const ScanResult first = scan(LIFOptions{}, x, {}, {.final_state = true});
  CHECK(first.state.membrane().requires_grad());
  CHECK_FALSE(first.state.detach().membrane().requires_grad());
  CHECK(to_vector(first.state.detach().membrane()) == to_vector(first.state.membrane()));
}

TEST_CASE("a batch without samples gives results without samples") {
  const Tensor x = leaf(zeros({4, 0, 10}));
  const ScanResult result =
      scan(ParametricLIFOptions{}, x, {}, {.final_state = true, .rate = true});
  CHECK(result.spikes.shape() == Shape{4, 0, 10});
  CHECK(result.state.membrane().shape() == Shape{0, 10});
  result.spikes.backward(zeros({4, 0, 10}));
  CHECK(x.grad().shape() == x.shape());
}

TEST_CASE("a neuron's options must be in range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto invalid = ErrorCode::invalid_argument;
  CHECK_ERROR(Neuron(LIFOptions{.tau = 0.5}), invalid,
              "[lif] tau must be finite and >= 1; got 0.5.");
  CHECK_ERROR(Neuron(LIFOptions{.tau = nan}), invalid, "[lif] tau must be finite and >= 1");
  CHECK_ERROR(Neuron(CubaLIFOptions{.tau = 0}), invalid, "[cuba_lif] tau must be finite and >= 1");
  CHECK_ERROR(Neuron(CubaLIFOptions{.tau_syn = 0.9}), invalid,
              "[cuba_lif] tau_syn must be finite and >= 1; got 0.9.");
  CHECK_ERROR(Neuron(LIFOptions{.threshold = HUGE_VAL}), invalid,
              "[lif] threshold must be finite; got inf.");
  CHECK_ERROR(Neuron(IFOptions{.threshold = nan}), invalid, "[if] threshold must be finite");
  CHECK_ERROR(Neuron(IFOptions{.v_reset = HUGE_VAL}), invalid,
              "[if] v_reset must be finite; got inf.");
  CHECK_ERROR(Neuron(ParametricLIFOptions{.init_tau = 1}), invalid,
              "[parametric_lif] init_tau must be finite and > 1; got 1.");
  CHECK_ERROR(Neuron(LeakyOptions{.beta = 1.1}), invalid,
              "[leaky] beta must be in [0, 1]; got 1.1.");
  CHECK_ERROR(Neuron(LeakyOptions{.threshold = nan}), invalid, "[leaky] threshold must be finite");
  CHECK_ERROR(Neuron(LeakyIntegratorOptions{.tau = HUGE_VAL}), invalid,
              "[leaky_integrator] tau must be >= 1, and finite if decay_input; got inf.");
  CHECK_ERROR(Neuron(LIFOptions{.surrogate = surrogate::ATan{.alpha = -2}}), invalid,
              "[atan] alpha must be finite and > 0; got -2.");
}

TEST_CASE("a 16-bit x is scanned as its numbers in f32") {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    Tensor x = normal({9, 5}, 0.6, 1.0).to(dtype), same = x.to(DType::f32);
    x.set_requires_grad(true);
    same.set_requires_grad(true);
    const NeuronState state({normal({5}, 0.2, 0.3)});
    const ScanResult narrow = scan(LIFOptions{}, x, state), wide = scan(LIFOptions{}, same, state);
    CHECK(narrow.spikes.dtype() == DType::f32);
    CHECK(to_vector(narrow.spikes) == to_vector(wide.spikes));
    const Tensor grad = normal({9, 5}, 0, 1);
    narrow.spikes.backward(grad);
    wide.spikes.backward(grad);
    CHECK(x.grad().dtype() == dtype);
    CHECK(to_vector(x.grad()) == to_vector(same.grad().to(dtype)));
  }
}

TEST_CASE("a scan's input must fit its neuron") {
  const auto invalid = ErrorCode::invalid_argument;
  const Tensor x = zeros({4, 3, 2});
  CHECK_ERROR(scan(LIFOptions{}, zeros({4, 3}, {.dtype = DType::i64})), invalid,
              "[lif] x must be f32 or f64, or of 16-bit floats; got i64.");
  CHECK_ERROR(scan(LIFOptions{}, scalar(1)), invalid, "[lif] x must be [T, ...] with T >= 1");
  CHECK_ERROR(scan(LIFOptions{}, zeros({0, 3})), invalid, "its shape is (0, 3).");
  CHECK_ERROR(scan(LIFOptions{}, x, {}, {.steps = -2}), invalid,
              "[lif] steps must be >= 1 for a static input, or 0; got -2.");
  CHECK_ERROR(scan(LIFOptions{}, x, NeuronState({zeros({3, 3})})), invalid,
              "[lif] the state must be f32 (3, 2), as one step of x; got f32 (3, 3).");
  CHECK_ERROR(scan(LIFOptions{}, x, NeuronState({zeros({3, 2}, {.dtype = DType::f64})})), invalid,
              "got f64 (3, 2).");
  CHECK_ERROR(scan(LIFOptions{}, x, NeuronState({zeros({3, 2}), zeros({3, 2})})), invalid,
              "[lif] the state must have 1 variables; got 2.");
  CHECK_ERROR(scan(LeakyIntegratorOptions{}, x, {}, {.packed = true}), invalid,
              "[leaky_integrator] packed needs spikes; this neuron's output is real-valued.");
  CHECK_ERROR(scan(LIFOptions{}, zeros({4}), {}, {.packed = true}), invalid,
              "[lif] packed needs an axis of neurons; the spikes' shape is (4,).");
  Neuron broken = ParametricLIFOptions{};
  broken.learnables[0] = zeros({3});
  CHECK_ERROR(scan(broken, x), invalid,
              "[parametric_lif] w must have one element; its shape is (3,).");
  for (const std::size_t number : {0, 2}) {
    broken.learnables.resize(number);
    CHECK_ERROR(scan(broken, x), invalid, "[parametric_lif] the neuron learns 1 scalars; it has ");
  }
}

TEST_CASE("a state that was not kept cannot start the next shard") {
  const ScanResult result = scan(LIFOptions{}, zeros({4, 3}));
  CHECK_ERROR(scan(LIFOptions{}, zeros({4, 3}), result.state), ErrorCode::invalid_argument,
              "[scan] this scan did not keep its state; ask for it with final_state = true.");
  CHECK_ERROR(NeuronState().membrane(), ErrorCode::invalid_argument,
              "[scan] a state at rest has no membrane tensor.");
}

}  // namespace
}  // namespace ranvier
