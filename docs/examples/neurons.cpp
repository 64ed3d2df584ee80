// The code of docs/neurons.md.
#include "ranvier/layers/neurons.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/init.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/readout.h"

using namespace ranvier;

Sequential make_network() {
  return Sequential(Linear({.in = 700, .out = 128}),
                    LIF({.tau = 4.0,
                         .v_reset = {},  // none: a soft reset
                         .detach_reset = true,
                         .surrogate = surrogate::Sigmoid{.alpha = 4.0}}),
                    Linear({.in = 128, .out = 20}), LeakyIntegrator({.tau = 20.0}));
}

Sequential make_recurrent() {
  Recurrent neurons(ALIFOptions{.tau = 10.0, .tau_adapt = 50.0}, {.features = 128});
  neurons.recurrent_weight = init_orthogonal(128, 128, 0.5);  // instead of uniform numbers
  return Sequential(Linear({.in = 700, .out = 128}), std::move(neurons),
                    Linear({.in = 128, .out = 20}), LeakyIntegrator({.tau = 20.0}));
}

// Two recordings of 16 and 9 steps in one batch.
Tensor loss_of_batch(Sequential& network, const Tensor& x, const Tensor& labels) {
  const Tensor lengths = from_vector(std::vector<std::int64_t>{16, 9}, {2});
  const Tensor scores = read_out(Readout::mean, network(x), lengths);
  return cross_entropy(scores, labels);
}

int main() {
  Sequential network = make_network();
  const Tensor x = uniform({16, 2, 700}, 0, 4);
  network(x);
  Sequential recurrent = make_recurrent();
  loss_of_batch(recurrent, x, from_vector(std::vector<std::int64_t>{3, 11}, {2})).backward();

  const Neuron neuron = IFOptions{.threshold = 1.0};
  const ScanResult result = scan(neuron, x, {}, {.final_state = true, .trace = true, .rate = true});
  fmt::print("spikes {}, membrane after the last step {}\n", result.spikes.shape(),
             result.state.membrane().shape());
  fmt::print("trace {}, rate {}\n", result.trace.shape(), result.rate.shape());

  const Tensor image = uniform({2, 700}, 0, 1);
  const ScanResult shown = scan(neuron, image, {}, {.steps = 4});  // [4, 2, 700]
  return shown.spikes.shape() == Shape{4, 2, 700} ? 0 : 1;
}
