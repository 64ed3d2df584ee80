// The neuron of docs/adding-a-neuron.md is right.
#include "docs/examples/adaptive.h"

#include <algorithm>

#include "ranvier/core/random.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/neurons/custom.h"
#include "ranvier/ops/neurons/scan.h"
#include "tests/support/catch.h"
#include "tests/support/neuron_checks.h"

namespace ranvier {

using example::Adaptive;

TEST_CASE("the adjoint of the guide's neuron is that of its step") {
  AllSurrogates::for_each([]<class S>(int) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed)
      CHECK(test::AdjointCheck<Adaptive>({.rise = 0.5}, seed).mismatch(S{}) == "");
  });
}

TEST_CASE("the threshold of the guide's neuron rises with its spikes and fades") {
  const Neuron neuron =
      custom_neuron<Adaptive>({.decay = 0, .fade = 0.5, .rise = 1.0}, surrogate::ATan{});
  const ScanResult result = scan(neuron, full({6, 1}, 1.4), {}, {.final_state = true});
  // The thresholds are 1, 1.5, 1.25, 1.625, 1.3125, 1.65625.
  CHECK(to_vector(result.spikes) == std::vector<double>{1, 0, 1, 0, 1, 0});
}

TEST_CASE("the guide's neuron is fused like the library's own") {
  const Neuron neuron = custom_neuron<Adaptive>({}, surrogate::ATan{});
  Sequential network(BatchNorm({.features = 5}), NeuronLayer(neuron, {}));
  const Tensor x = uniform({8, 3, 5}, -1, 3);
  const std::vector<double> fused = to_vector(network(x));
  network.set_fuse(false);
  CHECK(to_vector(network(x)) == fused);
  CHECK(std::count(fused.begin(), fused.end(), 1.0) > 0);
}

}  // namespace ranvier
