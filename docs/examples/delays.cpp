// The code of docs/delays.md.
#include <cmath>
#include <vector>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

Sequential make_network() {
  return Sequential(Linear({.in = 16, .out = 64}), LIF({.tau = 4.0}),
                    Delay({.features = 64, .max_delay = 25}), Linear({.in = 64, .out = 2}),
                    LeakyIntegrator({.tau = 10.0}));
}

void train(Sequential& network, const Tensor& x, const Tensor& labels) {
  Adam adam(parameters(network),
            {.lr = 1e-3, .weight_decay = 0.01, .decay = WeightDecay::decoupled},
            {{.names = {"delay"}, .weight_decay = 0}});
  for (int i = 0; i < 20; ++i) {
    zero_grad(parameters(network));
    cross_entropy(read_out(Readout::mean, network(x)), labels).backward();
    adam.step();
  }
}

std::vector<double> learned(Sequential& network) {
  const Tensor steps = network.module(2).as<Delay>()->steps();  // [64], in [0, 25]
  return to_vector(steps);
}

// What hardware with whole delays would compute.
Tensor with_whole_delays(Sequential& network, const Tensor& x) {
  network.module(2).as<Delay>()->options.rounded = true;
  const NoGradGuard no_grad;
  return network(x);
}

int main() {
  seed(1);
  Sequential network = make_network();
  const Tensor x = uniform({50, 4, 16}, 0, 6);  // [T, B, channels]
  const Tensor labels = from_vector(std::vector<std::int64_t>{0, 1, 0, 1}, {4});
  const std::vector<double> before = learned(network);
  train(network, x, labels);
  const Tensor y = with_whole_delays(network, x);
  return learned(network) != before && std::isfinite(to_vector(y)[0]) ? 0 : 1;
}
