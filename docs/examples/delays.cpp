// The code of docs/delays.md.
#include <cmath>

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

// Delays move by steps where weights move by hundredths.
void train(Sequential& network, const Tensor& x, const Tensor& labels) {
  NamedTensors weights, delays;
  for (const NamedTensor& parameter : parameters(network))
    (parameter.name.ends_with(".delay") ? delays : weights).push_back(parameter);
  Adam of_weights(weights, {.lr = 1e-3, .weight_decay = 1e-5});
  Adam of_delays(delays, {.lr = 0.1});

  for (int i = 0; i < 20; ++i) {
    zero_grad(parameters(network));
    cross_entropy(read_out(Readout::mean, network(x)), labels).backward();
    of_weights.step();
    of_delays.step();
  }
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
  const Tensor x = uniform({50, 4, 16}, 0, 1);  // [T, B, channels]
  const Tensor labels = from_vector(std::vector<std::int64_t>{0, 1, 0, 1}, {4});
  const double before = to_vector(network.module(2).as<Delay>()->delay)[0];
  train(network, x, labels);
  const double after = to_vector(network.module(2).as<Delay>()->delay)[0];
  const Tensor y = with_whole_delays(network, x);
  return after != before && std::isfinite(to_vector(y)[0]) ? 0 : 1;
}
