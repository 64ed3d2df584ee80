#include "ranvier/layers/module.h"

#include "ranvier/core/random.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
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
  CHECK(to_vector(parameters(a)[0].tensor) == before);
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
