// Recurrent neurons, against the same computed step by step from other operations.
#include <cmath>

#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/linear.h"
#include "ranvier/ops/neurons/recurrent_scan.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using test::random_values;
using test::same_bits;

constexpr std::int64_t steps = 9, batch = 19, features = 37;

std::vector<Neuron> neurons_under_test() {
  return {IFOptions{.v_reset = std::nullopt},
          LIFOptions{.decay_input = false},
          ParametricLIFOptions{.decay_input = false},
          ALIFOptions{.tau = 3, .tau_adapt = 4, .decay_input = false},
          CubaLIFOptions{.tau = 3, .tau_syn = 2, .decay_input = false},
          LeakyOptions{.learn_beta = true},
          LeakyIntegratorOptions{.tau = 5}};
}

/// All that a recurrent scan reads, as leaves.
struct Inputs {
  Tensor x, weight;
  std::vector<Tensor> state;  // the neuron's variables and the last output; empty at rest

  std::vector<Tensor> leaves() const {
    std::vector<Tensor> all{x, weight};
    all.insert(all.end(), state.begin(), state.end());
    return all;
  }
};

Inputs inputs_for(const Neuron& neuron, DType dtype, bool at_rest = false) {
  const auto leaf = [&](const Tensor& values) {
    return clone(values.to(dtype)).set_requires_grad(true);
  };
  Inputs in{leaf(random_values({steps, batch, features}, 1)),
            leaf(random_values({features, features}, 2) * 0.3),
            {}};
  if (at_rest) return in;
  for (int k = 0; k < neuron.states(); ++k)
    in.state.push_back(leaf(random_values({batch, features}, 10 + static_cast<unsigned>(k))));
  in.state.push_back(leaf(test::random_spikes({batch, features}, 0.3, 20)));
  return in;
}

/// What comes out and what flows back of a loss on all of it.
struct Outcome {
  Tensor spikes;
  std::vector<Tensor> state, gradients;  // gradients: of x, the state and last the weight
  double grad_learnable = 0;
};

Tensor loss_weight(const Shape& shape, std::uint64_t seed, DType dtype) {
  return random_values(shape, seed, dtype);
}

void take_gradients(const Neuron& neuron, const Inputs& in, Outcome& outcome) {
  outcome.gradients.push_back(in.x.grad());
  for (const Tensor& variable : in.state) outcome.gradients.push_back(variable.grad());
  outcome.gradients.push_back(in.weight.grad());
  if (neuron.learnables.empty()) return;
  Tensor learnable = neuron.learnables[0];
  outcome.grad_learnable = learnable.grad().item();
  learnable.set_grad({});
}

void run_backward(const Neuron& neuron, const Inputs& in, Outcome& outcome) {
  const DType dtype = in.x.dtype();
  std::vector<test::Weighted> terms{
      {outcome.spikes, loss_weight(outcome.spikes.shape(), 30, dtype)}};
  for (std::size_t k = 0; k < outcome.state.size(); ++k)
    terms.push_back({outcome.state[k], loss_weight(outcome.state[k].shape(), 31 + k, dtype)});
  test::weighted_sum(terms).backward();
  take_gradients(neuron, in, outcome);
}

/// The scan in shards that end at `cut` and at the end.
Outcome scanned(const Neuron& neuron, const Inputs& in, std::int64_t cut = steps) {
  const RecurrentScanOptions keep{.final_state = true};
  const NeuronState start(in.state);
  RecurrentScanResult result =
      recurrent_scan(neuron, slice(in.x, 0, 0, cut), in.weight, start, keep);
  Tensor spikes = result.spikes;
  if (cut < steps) {
    result = recurrent_scan(neuron, slice(in.x, 0, cut, steps), in.weight, result.state, keep);
    spikes = concat({spikes, result.spikes});
  }
  Outcome outcome{spikes, result.state.variables(), {}};
  run_backward(neuron, in, outcome);
  return outcome;
}

/// The same from a product, a sum and a scan of one step for each step.
Outcome composed(const Neuron& neuron, const Inputs& in) {
  std::vector<Tensor> variables = in.state;
  Tensor before;
  if (!variables.empty()) {
    before = variables.back();
    variables.pop_back();
  }
  NeuronState state(variables);
  std::vector<Tensor> outputs;
  for (std::int64_t t = 0; t < steps; ++t) {
    Tensor current = slice(in.x, 0, t, t + 1);
    if (before.defined()) {
      const bool events = neuron.spiking() && before.dtype() == DType::f32;
      const Tensor heard = linear(events ? to_bits(before) : before, in.weight);
      current = current + reshape(heard, current.shape());
    }
    const ScanResult step = scan(neuron, current, state, {.final_state = true});
    state = step.state;
    before = reshape(step.spikes, {batch, features});
    outputs.push_back(step.spikes);
  }
  Outcome outcome{concat(outputs), state.variables(), {}};
  outcome.state.push_back(before);
  run_backward(neuron, in, outcome);
  return outcome;
}

void check_same(const Outcome& a, const Outcome& b, double tolerance) {
  for (std::size_t i = 0; i < b.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK(test::largest_difference(a.gradients[i], b.gradients[i]) < tolerance);
  }
  CHECK(a.grad_learnable == Approx(b.grad_learnable).epsilon(1e-4));
}

TEST_CASE("a recurrent scan is its steps, spikes bit for bit and gradients to rounding") {
  const test::AllThresholds events(DType::f32, 1);
  for (const Neuron& neuron : neurons_under_test())
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool at_rest : {true, false}) {
        CAPTURE(neuron.name(), dtype == DType::f32, at_rest);
        const Outcome ours = scanned(neuron, inputs_for(neuron, dtype, at_rest));
        const Outcome theirs = composed(neuron, inputs_for(neuron, dtype, at_rest));
        if (neuron.spiking() || dtype == DType::f64) {
          CHECK(same_bits(ours.spikes, theirs.spikes));
          for (std::size_t k = 0; k < theirs.state.size(); ++k)
            CHECK(same_bits(ours.state[k], theirs.state[k]));
        }
        CHECK(test::largest_difference(ours.spikes, theirs.spikes) < 1e-5);
        check_same(ours, theirs, dtype == DType::f32 ? 2e-4 : 1e-11);
      }
}

TEST_CASE("a recurrent integrator's gradients agree with finite differences") {
  const Neuron neuron = LeakyIntegratorOptions{.tau = 3};
  const auto f64 = [](const Shape& shape, std::uint64_t seed) {
    return random_values(shape, seed, DType::f64);
  };
  const auto run = [&](const std::vector<Tensor>& in) {
    const RecurrentScanResult result =
        recurrent_scan(neuron, in[0], in[1], NeuronState({in[2], in[3]}), {.final_state = true});
    const std::vector<Tensor>& state = result.state.variables();
    return concat({result.spikes, reshape(state[0], {1, 3, 4}), reshape(state[1], {1, 3, 4})});
  };
  CHECK(test::gradient_mismatch(
            run, {f64({5, 3, 4}, 1), f64({4, 4}, 2), f64({3, 4}, 3), f64({3, 4}, 4)}) == "");
}

TEST_CASE("cutting time anywhere changes no bit of a recurrent scan") {
  for (const Neuron& neuron : neurons_under_test())
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Outcome whole = scanned(neuron, inputs_for(neuron, dtype));
      for (std::int64_t cut = 1; cut < steps; ++cut) {
        CAPTURE(neuron.name(), dtype == DType::f32, cut);
        const Outcome parts = scanned(neuron, inputs_for(neuron, dtype), cut);
        CHECK(same_bits(parts.spikes, whole.spikes));
        for (std::size_t k = 0; k < whole.state.size(); ++k)
          CHECK(same_bits(parts.state[k], whole.state[k]));
        for (std::size_t i = 0; i + 1 < whole.gradients.size(); ++i)
          CHECK(same_bits(parts.gradients[i], whole.gradients[i]));
        check_same(parts, whole, 2e-5);
      }
    }
}

TEST_CASE("threads do not change a bit of a recurrent scan") {
  for (const Neuron& neuron : neurons_under_test()) {
    CAPTURE(neuron.name());
    const auto with_threads = [&](int count) {
      const test::Threads threads(count);
      return scanned(neuron, inputs_for(neuron, DType::f32));
    };
    const Outcome one = with_threads(1), three = with_threads(3);
    CHECK(same_bits(one.spikes, three.spikes));
    for (std::size_t i = 0; i < one.gradients.size(); ++i)
      CHECK(same_bits(one.gradients[i], three.gradients[i]));
    CHECK(one.grad_learnable == three.grad_learnable);
  }
}

TEST_CASE("a long recurrent scan is recomputed in chunks") {
  const Neuron neuron = ALIFOptions{.tau = 3, .tau_adapt = 4, .decay_input = false};
  const auto gradients = [&](std::int64_t cut) {
    Tensor x = random_values({400, 70, 40}, 3).set_requires_grad(true);
    Tensor weight = (random_values({40, 40}, 4) * 0.3).detach().set_requires_grad(true);
    RecurrentScanResult result =
        recurrent_scan(neuron, slice(x, 0, 0, cut), weight, {}, {.final_state = true});
    Tensor spikes = result.spikes;
    if (cut < 400)
      spikes = concat(
          {spikes, recurrent_scan(neuron, slice(x, 0, cut, 400), weight, result.state).spikes});
    spikes.backward(random_values(spikes.shape(), 5));
    return x.grad();
  };
  CHECK(same_bits(gradients(400), gradients(7)));
}

TEST_CASE("packed spikes of a recurrent scan are its spikes") {
  const Neuron neuron = LIFOptions{.decay_input = false};
  for (const DType dtype : {DType::f32, DType::f64}) {
    const auto run = [&](bool packed) {
      const Inputs in = inputs_for(neuron, dtype);
      const Tensor spikes =
          recurrent_scan(neuron, in.x, in.weight, NeuronState(in.state), {.packed = packed}).spikes;
      spikes.backward(random_values(spikes.shape(), 6, packed ? DType::f32 : dtype));
      return std::pair{packed ? from_bits(spikes, dtype) : spikes, in.x.grad()};
    };
    const auto [spikes, gradient] = run(false);
    const auto [packed_spikes, packed_gradient] = run(true);
    CHECK(same_bits(packed_spikes, spikes));
    CHECK(test::largest_difference(packed_gradient, gradient) < 1e-6);
  }
}

TEST_CASE("a recurrent scan refuses what does not fit") {
  const auto code = ErrorCode::invalid_argument;
  const Neuron neuron = LIFOptions{};
  const Tensor x = zeros({4, 2, 3}), weight = zeros({3, 3}), step = zeros({2, 3});
  CHECK_ERROR(recurrent_scan(neuron, zeros({4}), weight), code,
              "[recurrent_scan] x must be [T, ..., N]; its shape is (4,).");
  CHECK_ERROR(recurrent_scan(neuron, x, zeros({3, 4})), code,
              "[recurrent_scan] the weight must be f32 (3, 3), from neurons to neurons; got f32 "
              "(3, 4).");
  CHECK_ERROR(recurrent_scan(neuron, x, weight, NeuronState({step})), code,
              "[recurrent_scan] the state of lif must have 1 variables and the last output; got 1 "
              "tensors.");
  CHECK_ERROR(recurrent_scan(neuron, x, weight, NeuronState({step, zeros({3})})), code,
              "[recurrent_scan] the last output must be f32 (2, 3), as one step of x; got f32 "
              "(3,).");
  CHECK_ERROR(recurrent_scan(LeakyIntegratorOptions{}, x, weight, {}, {.packed = true}), code,
              "packed needs spikes");
}

}  // namespace
}  // namespace ranvier
