#include "ranvier/ops/neurons/speculative_scan.h"

#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using test::random_values;
using test::same_bits;

/// Everything that a scan and its backward pass give.
std::vector<Tensor> all_of(const Neuron& neuron, const ScanResult& result,
                           const ScanOptions& options, const Tensor& x, const NeuronState& state) {
  const DType weights = options.packed ? DType::f32 : x.dtype();
  std::vector<test::Weighted> terms{
      {result.spikes, random_values(result.spikes.shape(), 11, weights)}};
  if (result.trace.defined())
    terms.push_back({result.trace, random_values(result.trace.shape(), 12, x.dtype())});
  for (const Tensor& variable : result.state.variables())
    terms.push_back({variable, random_values(variable.shape(), 13, x.dtype())});
  test::weighted_sum(terms).backward();
  std::vector<Tensor> all{result.spikes, x.grad()};
  if (result.trace.defined()) all.push_back(result.trace);
  for (const Tensor& variable : result.state.variables()) all.push_back(variable);
  for (const Tensor& variable : state.variables()) all.push_back(variable.grad());
  for (Tensor learnable : neuron.learnables) {
    all.push_back(learnable.grad());
    learnable.set_grad({});
  }
  return all;
}

Tensor leaf(const Tensor& tensor) { return clone(tensor).set_requires_grad(true); }

NeuronState some_state(const Neuron& neuron, const Shape& step, DType dtype, std::uint64_t seed) {
  std::vector<Tensor> variables;
  for (int k = 0; k < neuron.states(); ++k)
    variables.push_back(leaf(random_values(step, seed + static_cast<std::uint64_t>(k), dtype)));
  return NeuronState(std::move(variables));
}

NeuronState fresh(const NeuronState& state) {
  std::vector<Tensor> variables;
  for (const Tensor& variable : state.variables()) variables.push_back(leaf(variable));
  return NeuronState(std::move(variables));
}

std::vector<Neuron> neurons_under_test() {
  return {IFOptions{},
          LIFOptions{},
          LIFOptions{.tau = 3, .v_reset = -0.2},
          LIFOptions{.tau = 10, .decay_input = false},
          ParametricLIFOptions{},
          LIFOptions{.v_reset = std::nullopt},
          ALIFOptions{.v_reset = 0.0},
          CubaLIFOptions{.tau = 3, .tau_syn = 2},
          LeakyOptions{.learn_beta = true, .reset = LeakyReset::zero},
          LeakyIntegratorOptions{}};
}

/// Whether a scan from a guess, repaired, is the scan from the true state in every bit.
bool repairs_exactly(const Neuron& neuron, const Tensor& x, const ScanOptions& options,
                     const NeuronState& guess) {
  const Shape step = options.steps > 0 ? x.shape() : x.shape().sub(1, x.rank());
  const NeuronState state = some_state(neuron, step, x.dtype(), 5), again = fresh(state);
  const Tensor x1 = leaf(x), x2 = leaf(x);
  const ScanResult expected = scan(neuron, x1, state, options);
  SpeculativeScan early(neuron, x2, guess, options);
  const RepairedScan repaired = early.finish(again);
  const std::vector<Tensor> a = all_of(neuron, expected, options, x1, state);
  const std::vector<Tensor> b = all_of(neuron, repaired.result, options, x2, again);
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].defined() != b[i].defined() || (a[i].defined() && !same_bits(a[i], b[i])))
      return false;
  return a.size() == b.size();
}

/// Steps times neurons that are done again for a guess at rest.
RepairedScan repair_from(const Neuron& neuron, const Tensor& x, const NeuronState& state) {
  SpeculativeScan early(neuron, x, {}, {});
  return early.finish(state);
}

}  // namespace

TEST_CASE("a scan that began from a guess is the scan from the true state, bit for bit") {
  for (const Neuron& neuron : neurons_under_test())
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t steps : {1, 7, 8, 9, 16, 100}) {
        CAPTURE(neuron.name(), neuron.resets_hard(), dtype == DType::f32, steps);
        const Shape step{3, 150};
        const Tensor x = random_values(Shape{steps}.concat(step), 1, dtype);
        const ScanOptions keep{.final_state = true, .trace = true};
        CHECK(repairs_exactly(neuron, x, keep, {}));
        CHECK(repairs_exactly(neuron, x, keep, some_state(neuron, step, dtype, 9)));
        CHECK(
            repairs_exactly(neuron, x, {.final_state = true}, some_state(neuron, step, dtype, 5)));
        const Tensor shown = random_values(step, 2, dtype);
        CHECK(repairs_exactly(neuron, shown, {.steps = steps, .final_state = true}, {}));
        if (neuron.spiking())
          CHECK(repairs_exactly(neuron, x, {.packed = true, .final_state = true}, {}));
      }
}

TEST_CASE("packed spikes are repaired for every length of a row") {
  for (const std::int64_t columns : {1, 10, 64, 65, 1000, 1100})
    CHECK(repairs_exactly(LIFOptions{}, random_values({40, 3, columns}, 1),
                          {.packed = true, .final_state = true}, {}));
}

TEST_CASE("neurons that forget are repaired in their first steps only") {
  const Tensor x = random_values({400, 1000}, 1);
  for (const auto& [tau, most] : {std::pair(2.0, 0.12), std::pair(3.0, 0.2)}) {
    const Neuron neuron = LIFOptions{.tau = tau};
    const RepairedScan scan = repair_from(neuron, x, some_state(neuron, {1000}, DType::f32, 5));
    CHECK(scan.scanned == 400 * 1000);
    CHECK(scan.repaired > 0);
    CHECK(static_cast<double>(scan.repaired) < most * static_cast<double>(scan.scanned));
  }
}

TEST_CASE("neurons that never forget are scanned twice, their neighbours are not") {
  const Neuron neuron = IFOptions{};
  const Tensor silent = zeros({100, 1000});
  CHECK(repair_from(neuron, silent, NeuronState({full({1000}, 0.5)})).repaired == 100 * 1000);

  Tensor one = zeros({1000});
  one.mutable_data<float>()[500] = 0.5F;
  const std::int64_t repaired = repair_from(neuron, silent, NeuronState({one})).repaired;
  CHECK(repaired > 100);
  CHECK(repaired < 30 * 1000);
}

TEST_CASE("what is kept to compare with is not kept for backward") {
  const Tensor x = leaf(random_values({100, 50}, 1));
  const std::int64_t before = saved_bytes();
  SpeculativeScan early(LIFOptions{}, x, {}, {});
  CHECK(saved_bytes() == before);
  const RepairedScan repaired = early.finish({});
  CHECK(saved_bytes() == before + x.nbytes());
}

TEST_CASE("a scan from a guess refuses what a scan refuses, and a rate") {
  const Tensor x = zeros({10, 4});
  const NeuronState narrow({zeros({3})});
  CHECK_ERROR(SpeculativeScan(LIFOptions{}, x, {}, {.rate = true}), ErrorCode::invalid_argument,
              "[lif] a scan that begins from a guess gives no rate");
  CHECK_ERROR(SpeculativeScan(LIFOptions{}, x, narrow, {}), ErrorCode::invalid_argument,
              "[lif] the state must be");
  SpeculativeScan early(LIFOptions{}, x, {}, {});
  CHECK_ERROR(early.finish(narrow), ErrorCode::invalid_argument, "[lif] the state must be");
}

TEST_CASE("a neuron tells whether it resets hard") {
  CHECK(Neuron(IFOptions{}).resets_hard());
  CHECK_FALSE(Neuron(IFOptions{.v_reset = std::nullopt}).resets_hard());
  CHECK(Neuron(ParametricLIFOptions{.v_reset = -0.1}).resets_hard());
  CHECK(Neuron(LeakyOptions{.reset = LeakyReset::zero}).resets_hard());
  CHECK_FALSE(Neuron(LeakyOptions{}).resets_hard());
  CHECK_FALSE(Neuron(ALIFOptions{}).resets_hard());
  CHECK_FALSE(Neuron(LeakyIntegratorOptions{}).resets_hard());
}

}  // namespace ranvier
