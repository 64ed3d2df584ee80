// The code of docs/adding-a-neuron.md: a neuron of one's own in a network.
#include "docs/examples/adaptive.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/neurons/custom.h"
#include "ranvier/ops/reduce/sum.h"

using namespace ranvier;
using example::Adaptive;

int main() {
  const Neuron neuron = custom_neuron<Adaptive>({.rise = 0.5}, surrogate::ATan{});

  Sequential network(Linear({.in = 6, .out = 32}), NeuronLayer(neuron, {}));
  const Tensor spikes = network(uniform({10, 8, 6}, 0, 4));  // [T, B, 32]
  sum(spikes).backward();
  return parameters(network)[0].tensor.grad().defined() ? 0 : 1;
}
