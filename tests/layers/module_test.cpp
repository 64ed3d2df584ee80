#include "ranvier/layers/module.h"

#include "ranvier/core/random.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/layers/residual.h"
#include "ranvier/layers/sequential.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> found;
  for (const auto& [name, tensor] : tensors) found.push_back(name);
  return found;
}

Sequential small_network() {
  return Sequential(Linear({.in = 3, .out = 4}), BatchNorm({.features = 4}), ParametricLIF());
}

}  // namespace

TEST_CASE("parameters and buffers are named by their path") {
  Sequential network;
  network.add(small_network(), "body").add(Linear({.in = 4, .out = 2, .bias = false}), "head");
  CHECK(names(parameters(network)) == std::vector<std::string>{"body.0.weight", "body.0.bias",
                                                               "body.1.gamma", "body.1.beta",
                                                               "body.2.w", "head.weight"});
  CHECK(names(state_dict(network)).size() == 8);
  CHECK(count_elements(parameters(network)) == 12 + 4 + 4 + 4 + 1 + 8);
}

TEST_CASE("a state dict puts another network into the same state") {
  seed(1);
  Sequential a = small_network();
  Sequential b = small_network();
  const Tensor x = uniform({5, 2, 3}, 0, 2);
  set_training(a, false);
  set_training(b, false);
  CHECK(to_vector(parameters(a)[0].tensor) != to_vector(parameters(b)[0].tensor));
  load_state(state_dict(b), state_dict(a));
  CHECK(to_vector(a(x)) == to_vector(b(x)));
}

TEST_CASE("a state dict of another network is refused and changes nothing") {
  Sequential a = small_network();
  Sequential wider(Linear({.in = 3, .out = 5}), BatchNorm({.features = 5}), ParametricLIF());
  const auto before = to_vector(parameters(a)[0].tensor);
  CHECK_ERROR(load_state(state_dict(a), state_dict(wider)), ErrorCode::invalid_argument,
              "0.weight is f32 (3, 4) in the network and f32 (3, 5) in the checkpoint");
  Sequential shorter(Linear({.in = 3, .out = 4}));
  CHECK_ERROR(load_state(state_dict(a), state_dict(shorter)), ErrorCode::invalid_argument,
              "the checkpoint lacks 1.gamma (4,)");
  CHECK_ERROR(load_state(state_dict(shorter), state_dict(a)), ErrorCode::invalid_argument,
              "which the network lacks");
  NamedTensors twice = state_dict(shorter);
  twice.push_back(twice.front());
  CHECK_ERROR(load_state(state_dict(shorter), twice), ErrorCode::invalid_argument,
              "the checkpoint has two tensors called 0.weight.");
  CHECK_ERROR(load_state(twice, state_dict(shorter)), ErrorCode::invalid_argument,
              "the network has two tensors called 0.weight.");
  CHECK(to_vector(parameters(a)[0].tensor) == before);
}

TEST_CASE("copies of a state dict stay as they are while the network changes") {
  Sequential network = small_network();
  const NamedTensors best = clone(state_dict(network));
  Tensor weight = parameters(network)[0].tensor;
  const auto before = to_vector(weight);
  fill(weight, 7);
  CHECK(to_vector(best[0].tensor) == before);
  load_state(state_dict(network), best);
  CHECK(to_vector(weight) == before);
}

TEST_CASE("the state of a child is its own, at rest and kept as that of its module is") {
  const State whole{.tensors = {}, .children = {State{.tensors = {zeros({2})}}, State{}}};
  CHECK(whole.child(0, 2).tensors.size() == 1);
  CHECK(whole.child(1, 2).at_rest());
  CHECK(State().child(1, 2).keep);
  CHECK_FALSE(State::whole_sequence().child(1, 2).keep);
  CHECK_ERROR(
      whole.child(0, 3), ErrorCode::invalid_argument,
      "[state] it must be one that this module returned, of 3 parts and no tensors; got 2 parts");
  CHECK_ERROR(whole.child(0, 2).child(0, 1), ErrorCode::invalid_argument, "0 parts and 1 tensors");
}

TEST_CASE("a state of something else is refused and does not count as rest") {
  Sequential network(Linear({.in = 3, .out = 3}), LIF());
  const Tensor x = uniform({2, 1, 3}, 0, 2);
  const State state = network(x, State{}).state;
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(LIF()(x, state), code, "one layer was given the state of a network of 2 parts");
  Sequential other(LIF(), Linear({.in = 3, .out = 3}));
  CHECK_ERROR(other(x, state), code, "a module without state was given one of 1 tensors");
}

TEST_CASE("a state that nobody wanted does not count as rest") {
  Sequential network(Linear({.in = 3, .out = 3}), LIF());
  const Tensor x = uniform({2, 1, 3}, 0, 2);
  const State state = network(x, State::whole_sequence()).state;
  CHECK_ERROR(network(x, state), ErrorCode::invalid_argument, "[state] it was not kept");
}

TEST_CASE("a layer with state takes all of time from rest when it is given no state") {
  const Tensor x = uniform({4, 2, 3}, 0, 2);
  const auto same = [&x](auto layer) {
    return to_vector(layer(x)) == to_vector(layer(x, State{}).output);
  };
  CHECK(same(LIF()));
  CHECK(same(Recurrent(LIFOptions{}, {.features = 3})));
  CHECK(same(Delay({.features = 3, .max_delay = 2})));
  CHECK(same(Residual(LIF())));
  CHECK(same(AnyModule(LIF())));
}

TEST_CASE("what was moved to another place is refused, and no neuron is ever empty") {
  const Tensor x = uniform({4, 2, 3}, 0, 2);
  NeuronLayer neurons = LIF();
  const Sequential network(std::move(neurons));
  CHECK(neurons(x).shape() == x.shape());
  AnyModule any(LIF());
  const AnyModule owner(std::move(any));
  CHECK_ERROR(any(x), ErrorCode::invalid_argument, "[module] there is none");
  Sequential first = small_network();
  const Sequential second = std::move(first);
  CHECK_ERROR(first(x), ErrorCode::invalid_argument, "[Sequential] it has no modules");
}

TEST_CASE("evaluation mode reaches every module") {
  Sequential network = small_network();
  set_training(network, false);
  CHECK_FALSE(network.module(1).as<BatchNorm>()->training);
  set_training(network, true);
  CHECK(network.module(1).as<BatchNorm>()->training);
}

TEST_CASE("layers refuse sizes that make no sense") {
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(Linear({.in = 0, .out = 2}), code, "[Linear] in and out must be >= 1; got 0 and 2.");
  CHECK_ERROR(Conv2d({.in = 3, .out = 4, .conv = {.groups = 2}}), code,
              "[Conv2d] in and out must be multiples of groups; got 3, 4 and 2.");
  CHECK_ERROR(Conv2d({.in = 3, .out = 4, .kernel = {0, 3}}), code, "the kernel must be >= 1");
  CHECK_ERROR(BatchNorm({.features = 0}), code, "[BatchNorm] features must be >= 1; got 0.");
  CHECK_ERROR(IF({}, {.steps = -1}), code, "steps must be >= 0");
}
