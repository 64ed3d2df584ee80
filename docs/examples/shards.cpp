// The code of docs/shards-of-time.md.
#include <vector>

#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"

using namespace ranvier;

bool neurons_may_be_cut_anywhere() {
  const Neuron neuron = LIFOptions{.tau = 4.0};
  const Tensor x = uniform({12, 100}, 0, 2);  // [T, neurons]

  const ScanResult whole = scan(neuron, x);

  NeuronState state;  // at rest
  std::vector<Tensor> parts;
  for (const auto& [begin, end] : {std::pair{0, 5}, std::pair{5, 6}, std::pair{6, 12}}) {
    const ScanResult part = scan(neuron, slice(x, 0, begin, end), state, {.final_state = true});
    parts.push_back(part.spikes);
    state = part.state;
  }
  return to_vector(concat(parts)) == to_vector(whole.spikes);
}

Sequential make_network() {
  return Sequential(Linear({.in = 6, .out = 32}), LIF({.tau = 4.0}), Linear({.in = 32, .out = 3}),
                    LeakyIntegrator());
}

bool networks_may_be_cut_anywhere() {
  Sequential network = make_network();
  const Tensor x = uniform({10, 8, 6}, 0, 2);  // [T, B, features]

  const Tensor whole = network(x);
  const Shard first = network(slice(x, 0, 0, 7), State{});
  const Shard second = network(slice(x, 0, 7, 10), first.state);

  return to_vector(concat({first.output, second.output})) == to_vector(whole);
}

// A closed loop: the next input depends on the last output.
void stream(Sequential& network, std::int64_t steps) {
  State state;
  Tensor input = zeros({1, 1, 6});
  for (std::int64_t t = 0; t < steps; ++t) {
    auto [output, after] = network(input, state);  // [1, 1, 3], one step
    state = after.detach();
    input = full({1, 1, 6}, output.data<float>()[0] < 0.1 ? 1.0 : 0.0);
  }
}

// Truncated back-propagation through time: a gradient crosses no more than `length` steps.
void truncated(Sequential& network, const Tensor& x, std::int64_t length) {
  State state;
  for (std::int64_t t = 0; t < x.size(0); t += length) {
    const Shard shard = network(slice(x, 0, t, std::min(t + length, x.size(0))), state);
    mean(square(shard.output)).backward();
    state = shard.state.detach();
  }
}

int main() {
  if (!neurons_may_be_cut_anywhere() || !networks_may_be_cut_anywhere()) return 1;
  Sequential network = make_network();
  stream(network, 20);
  truncated(network, uniform({10, 8, 6}, 0, 2), 4);
  return parameters(network)[0].tensor.grad().defined() ? 0 : 1;
}
