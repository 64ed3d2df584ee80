// Networks for event data, and what padding does to them: nothing.
#include "ranvier/layers/event_networks.h"

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

using namespace ranvier;

namespace {

constexpr Readout all_readouts[] = {Readout::sum, Readout::mean, Readout::last, Readout::max};

std::vector<std::string> kinds_of(Sequential& network) {
  std::vector<std::string> kinds;
  for (std::size_t i = 0; i < network.size(); ++i) kinds.emplace_back(network.module(i).kind());
  return kinds;
}

std::vector<Sequential> small_networks() {
  seed(3);
  std::vector<Sequential> networks;
  networks.push_back(event_mlp({.inputs = 12, .hidden = {16, 8}, .classes = 4}));
  networks.push_back(recurrent_net({.inputs = 12, .hidden = {16, 8}, .classes = 4}));
  networks.push_back(adaptive_net({.inputs = 12, .hidden = {16}, .classes = 4}));
  return networks;
}

/// The loss of one step of training and the gradients of all parameters.
std::vector<Tensor> train(Sequential& network, const Tensor& x, const Tensor& lengths,
                          Readout readout) {
  zero_grad(parameters(network));
  std::vector<std::int64_t> labels;
  for (std::int64_t b = 0; b < x.size(1); ++b) labels.push_back(b % 4);
  const Tensor scores = read_out(readout, network(x), lengths);
  const Tensor loss = cross_entropy(scores, from_vector(labels, {x.size(1)}));
  loss.backward();
  std::vector<Tensor> results{scores.detach(), loss.detach()};
  for (const auto& [name, tensor] : parameters(network)) results.push_back(tensor.grad());
  return results;
}

}  // namespace

TEST_CASE("the tutorial network turns events into output spikes over time") {
  seed(1);
  Sequential network = event_mlp();
  CHECK(count_elements(parameters(network)) == 100 * 128 + 2 * 128 * 128 + 128 * 35 + 3 * 128 + 35);
  const Tensor out = network(test::random_spikes({20, 3, 100}, 0.2, 2));
  CHECK(out.shape() == Shape{20, 3, 35});
  for (double s : to_vector(out)) REQUIRE((s == 0 || s == 1));
}

TEST_CASE("each layer of a network learns a time constant of its own") {
  Sequential network =
      event_mlp({.inputs = 5, .hidden = {4}, .classes = 3, .neuron = ParametricLIFOptions{}});
  std::vector<std::string> names;
  for (const auto& [name, tensor] : parameters(network)) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"0.weight", "0.bias", "1.w", "2.weight", "2.bias", "3.w"});
  CHECK_FALSE(parameters(network)[2].tensor.is_same(parameters(network)[5].tensor));
}

TEST_CASE("networks for events have dropout where they are asked for it") {
  Sequential mlp = event_mlp({.hidden = {8}, .dropout = 0.25});
  CHECK(kinds_of(mlp) ==
        std::vector<std::string>{"Linear", "Neuron", "Dropout", "Linear", "Neuron"});
  CHECK(mlp.module(2).as<Dropout>()->options.p == 0.25);
  CHECK(mlp.module(2).as<Dropout>()->options.shared_steps);
  Sequential cnn = event_cnn({.frame = {4, 4, 2}, .channels = {3}, .dropout = 0.5});
  CHECK(kinds_of(cnn) == std::vector<std::string>{"Conv2d", "BatchNorm", "Neuron", "MaxPool2d",
                                                  "Flatten", "Dropout", "Linear", "Neuron"});
}

TEST_CASE("networks for events delay spikes between layers where they are asked to") {
  Sequential mlp = event_mlp({.hidden = {8, 6}, .max_delay = 5});
  CHECK(kinds_of(mlp) == std::vector<std::string>{"Linear", "Neuron", "Delay", "Linear", "Neuron",
                                                  "Delay", "Linear", "Neuron"});
  CHECK(mlp.module(5).as<Delay>()->options.features == 6);
  CHECK(mlp.module(5).as<Delay>()->options.max_delay == 5);
  Sequential recurrent = recurrent_net({.hidden = {8}, .dropout = 0.1, .max_delay = 7});
  CHECK(kinds_of(recurrent) ==
        std::vector<std::string>{"Linear", "Recurrent", "Dropout", "Delay", "Linear", "Neuron"});
  Sequential adaptive = adaptive_net({.hidden = {8}, .recurrent = false, .max_delay = 7});
  CHECK(kinds_of(adaptive) ==
        std::vector<std::string>{"Linear", "Neuron", "Delay", "Linear", "Neuron"});
  CHECK_ERROR(event_mlp({.max_delay = -1}), ErrorCode::invalid_argument, "[delay] max_delay");
}

TEST_CASE("networks with memory end in a readout, and may be cut anywhere") {
  seed(5);
  Sequential recurrent = recurrent_net({.inputs = 12, .hidden = {16, 8}, .classes = 4});
  CHECK(kinds_of(recurrent) ==
        std::vector<std::string>{"Linear", "Recurrent", "Linear", "Recurrent", "Linear", "Neuron"});
  Sequential adaptive = adaptive_net({.inputs = 12, .hidden = {16}, .classes = 4});
  CHECK(adaptive.module(1).as<Recurrent>()->neuron.name() == "alif");
  Sequential plain = adaptive_net({.inputs = 12, .hidden = {16}, .classes = 4, .recurrent = false});
  CHECK(plain.module(1).as<NeuronLayer>()->neuron.name() == "alif");
  const Tensor x = test::random_spikes({11, 3, 12}, 0.5, 9) * 3;
  for (Sequential* network : {&recurrent, &adaptive, &plain}) {
    const Tensor whole = (*network)(x);
    CHECK(whole.shape() == Shape{11, 3, 4});
    const Shard first = (*network)(slice(x, 0, 0, 4), State{});
    const Shard second = (*network)(slice(x, 0, 4, 11), first.state);
    CHECK(test::same_bits(concat({first.output, second.output}), whole));
  }
}

TEST_CASE("the network for cameras turns frames into membranes over time") {
  seed(2);
  Sequential network = event_cnn({.frame = {9, 12, 2}, .channels = {4, 6}, .classes = 5});
  CHECK(network(test::random_spikes({3, 2, 9, 12, 2}, 0.2, 3)).shape() == Shape{3, 2, 5});
  set_training(network, false);
  const Tensor x = test::random_spikes({7, 2, 9, 12, 2}, 0.3, 4);
  const Tensor whole = network(x);
  const Shard first = network(slice(x, 0, 0, 3), State{});
  const Shard second = network(slice(x, 0, 3, 7), first.state);
  CHECK(test::same_bits(concat({first.output, second.output}), whole));
}

TEST_CASE("steps that pad one sample change no bit of its scores, loss and gradients") {
  std::vector<Sequential> networks = small_networks();
  for (Sequential& network : networks)
    for (std::int64_t own : {1, 7, 30})
      for (std::int64_t padded : {own + 1, own + 9, std::int64_t{64}}) {
        const Tensor x = test::random_spikes({own, 1, 12}, 0.4, 5);
        const Tensor lengths = from_vector(std::vector{own}, {1});
        const Tensor noise = test::random_values({padded - own, 1, 12}, 6);
        for (const Readout readout : all_readouts) {
          INFO(network.module(1).kind()
               << ", " << name(readout) << ", " << own << " steps of " << padded);
          const auto alone = train(network, x, lengths, readout);
          const auto among = train(network, concat({x, noise}), lengths, readout);
          for (std::size_t i = 0; i < alone.size(); ++i) CHECK(test::same_bits(alone[i], among[i]));
        }
      }
}

TEST_CASE("steps that pad a batch change its gradients by rounding only, its loss not at all") {
  std::vector<Sequential> networks = small_networks();
  const Tensor lengths = from_vector(std::vector<std::int64_t>{11, 3, 20, 1}, {4});
  const Tensor x = test::random_spikes({20, 4, 12}, 0.4, 7);
  const Tensor noise = test::random_values({6, 4, 12}, 8);
  for (Sequential& network : networks)
    for (const Readout readout : all_readouts) {
      INFO(network.module(1).kind() << ", " << name(readout));
      const auto batch = train(network, x, lengths, readout);
      const auto padded = train(network, concat({x, noise}), lengths, readout);
      CHECK(test::same_bits(padded[0], batch[0]));
      CHECK(test::same_bits(padded[1], batch[1]));
      for (std::size_t i = 2; i < batch.size(); ++i)
        CHECK(test::largest_difference(padded[i], batch[i]) < 1e-5);
    }
}

TEST_CASE("networks for events refuse options that make no sense") {
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(event_mlp({.inputs = 0}), code, "[Linear] in and out must be >= 1");
  CHECK_ERROR(event_mlp({.dropout = 1}), code, "[dropout]");
  CHECK_ERROR(event_cnn({.frame = {34, 34}}), code, "frames must be [H, W, C], not empty");
  CHECK_ERROR(event_cnn({.frame = {4, 4, 2}, .channels = {8, 8, 8}}), code,
              "[event_cnn] 3 blocks halve frames (4, 4, 2) to nothing; take fewer channels.");
  CHECK_ERROR(event_cnn({.readout_tau = 0.5}), code, "[leaky_integrator] tau must be >= 1");
}
