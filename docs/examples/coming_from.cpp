// The right column of docs/coming-from.md, compiled.
#include "ranvier/core/autocast.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/pool.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/delay.h"
#include "ranvier/ops/shape/broadcast.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/adam.h"
#include "ranvier/optim/clip.h"
#include "ranvier/optim/schedule.h"
#include "ranvier/optim/sgd.h"

using namespace ranvier;

void neurons_of_spikingjelly() {
  Sequential net;
  net.add(IF());
  net.add(LIF({.tau = 2.0}));
  net.add(LIF({.v_reset = {}, .detach_reset = true}));
  net.add(LIF({.surrogate = surrogate::Sigmoid{.alpha = 4.0}}));
  net.add(ParametricLIF({.init_tau = 2.0}));
  net.add(LeakyIntegrator({.tau = 2.0}));
  for (std::size_t i = 0; i < 6; ++i) net.module(i)(uniform({4, 2, 8}, 0, 2), {});
}

void layers_of_spikingjelly() {
  const Tensor image = uniform({2, 8, 8, 1}, 0, 1);
  Sequential net(Conv2d({.in = 1, .out = 8, .conv = {.padding = {1, 1}}, .bias = false}),
                 BatchNorm({.features = 8}), IF({}, {.steps = 4}), MaxPool2d{}, Flatten(),
                 Dropout({.p = 0.5, .shared_steps = true}), Linear({.in = 128, .out = 10}), IF());
  const Tensor spikes = net(image);
  const Tensor rate = mean(spikes, {0});
  const Tensor labels = zeros({2}, {.dtype = DType::i64});
  const Tensor loss = mse_loss(rate, one_hot(labels, 10));
  loss.backward();
  net.set_fuse(false);
  set_training(net, false);
  const NoGradGuard no_grad;
  const Tensor y = net(image);
}

void sequences() {
  const Neuron lif = LIFOptions{};
  const Tensor x_seq = uniform({4, 2, 8}, 0, 2);
  const ScanResult result = scan(lif, x_seq, {}, {.trace = true});
  const Tensor v_seq = result.trace;
  const DelayResult late = delay(x_seq, full({8}, 2), {}, {.max_delay = 2});
  const Tensor frames = repeat_time(uniform({2, 8}, 0, 1), 4);
  const Tensor folded = fold_time(frames);

  Sequential net(LIF());
  auto [y, state] = net(slice(x_seq, 0, 0, 2), State{});
  state = state.detach();
}

void training() {
  seed(42);
  Sequential net = leaky_mlp({.steps = 5, .inputs = 64, .hidden = 16, .classes = 4});
  Adam adam(parameters(net), {.lr = 5e-4});
  Sgd sgd(parameters(net), {.lr = 0.1, .momentum = 0.9});
  Adam grouped(parameters(net), {.weight_decay = 0.1}, {{.names = {"bias"}, .weight_decay = 0}});
  const Schedule schedule = cosine_schedule(0.1, {.length = 64});
  const Tensor labels = zeros({2}, {.dtype = DType::i64});
  const Tensor spikes = net(uniform({2, 8, 8, 1}, 0, 1));
  const Tensor loss = cross_entropy(sum(spikes, {0}), labels);
  zero_grad(parameters(net));
  loss.backward();
  clip_grad_norm(parameters(net), 1.0);
  sgd.set_lr(schedule(0));
  sgd.step();
  adam.step();
  const NamedTensors best = clone(state_dict(net));
  parameters(net)[0].tensor.set_requires_grad(false);
  save_checkpoint("net.h5", {.tensors = state_dict(net)});
  load_state(state_dict(net), load_checkpoint("net.h5").tensors);
}

void neurons_of_snntorch() {
  Sequential net;
  net.add(Leaky({.beta = 0.9}));
  net.add(Leaky({.beta = 0.9, .learn_beta = true}));
  net.add(Leaky({.reset = LeakyReset::zero}));
  net.add(Leaky({.surrogate = surrogate::FastSigmoid{.slope = 25}}));
  net.add(Leaky({.reset = LeakyReset::none}));
  net.add(CubaLIF({.tau_syn = 5, .decay_input = false, .v_reset = {}, .detach_reset = true}));
  net(uniform({4, 2, 8}, 0, 2));
}

void neurons_of_norse() {
  Sequential net(CubaLIF(), Linear({.in = 8, .out = 128}));
  net.add(CubaLIF({.surrogate = surrogate::FastSigmoid{.slope = 100}}));
  net.add(CubaLIF({.tau = 20}));
  net.add(LIF({.tau = 10}));
  net.add(Recurrent(CubaLIFOptions{.detach_reset = true}, {.features = 128}));
  const Tensor x_seq = uniform({4, 2, 8}, 0, 2);
  auto [y, state] = net(x_seq, State{});
}

int main() {
  neurons_of_spikingjelly();
  layers_of_spikingjelly();
  sequences();
  training();
  neurons_of_snntorch();
  neurons_of_norse();
}
