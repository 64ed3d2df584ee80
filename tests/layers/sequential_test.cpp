#include "ranvier/layers/sequential.h"

#include <algorithm>

#include "ranvier/core/allocator.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/layers/summary.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

Sequential small_csnn() { return csnn({.steps = 3, .channels = 4, .image = {8, 8, 2}}); }

}  // namespace

TEST_CASE("a convolutional network turns static images into spikes over time") {
  seed(3);
  Sequential network = small_csnn();
  const Tensor spikes = network(uniform({2, 8, 8, 2}, 0, 1));
  CHECK(spikes.shape() == Shape{3, 2, 10});
  for (double s : to_vector(spikes)) REQUIRE((s == 0 || s == 1));
}

TEST_CASE("what a network is made of is fused or not without changing a spike") {
  seed(4);
  Sequential network = small_csnn();
  const Tensor images = uniform({3, 8, 8, 2}, 0, 1);
  const NoGradGuard no_grad;
  set_training(network, false);
  const auto fused = to_vector(network(images));
  network.set_fuse(false);
  CHECK(to_vector(network(images)) == fused);
}

TEST_CASE("gradients of a fused network are those of its parts to rounding") {
  seed(5);
  Sequential network = small_csnn();
  const Tensor images = uniform({3, 8, 8, 2}, 0, 1), seed_grad = uniform({3, 3, 10}, -1, 1);
  network(images).backward(seed_grad);
  std::vector<std::vector<double>> fused;
  for (auto& [name, tensor] : parameters(network)) fused.push_back(to_vector(tensor.grad()));
  zero_grad(parameters(network));
  network.set_fuse(false);
  network(images).backward(seed_grad);
  std::size_t i = 0;
  for (auto& [name, tensor] : parameters(network)) {
    INFO(name);
    const auto alone = to_vector(tensor.grad());
    for (std::size_t k = 0; k < alone.size(); ++k)
      CHECK(fused[i][k] == Approx(alone[k]).epsilon(1e-3).margin(1e-5));
    ++i;
  }
}

TEST_CASE("an observer sees every module in order") {
  Sequential network = small_csnn();
  std::string kinds;
  network.observe([&](const Observation& seen) { kinds += std::string(seen.kind) + " "; });
  network(uniform({1, 8, 8, 2}, 0, 1));
  CHECK(kinds ==
        "Conv2d BatchNorm Neuron MaxPool2d Conv2d BatchNorm Neuron MaxPool2d Flatten "
        "Linear Neuron Linear Neuron ");
}

TEST_CASE("an observer of groups sees what is computed as one, and changes nothing") {
  seed(7);
  Sequential network = small_csnn();
  const Tensor images = uniform({1, 8, 8, 2}, 0, 1);
  const NoGradGuard no_grad;
  set_training(network, false);
  const auto unseen = to_vector(network(images));
  std::string groups;
  std::int64_t state_bytes = 0;
  network.observe_groups([&](const GroupObservation& seen) {
    groups += std::to_string(seen.first) + "+" + std::to_string(seen.count) + " ";
    for (const Tensor& tensor : seen.state.tensors) state_bytes += tensor.nbytes();
  });
  CHECK(to_vector(network(images, State{}).output) == unseen);
  CHECK(groups == "0+1 1+3 4+1 5+3 8+1 9+1 10+1 11+1 12+1 ");
  CHECK(state_bytes == 4 * (8 * 8 * 4 + 4 * 4 * 4 + 64 + 10));
}

TEST_CASE("a sequence may be cut anywhere without changing a spike") {
  seed(6);
  Sequential network(Linear({.in = 6, .out = 5}), LIF(), Linear({.in = 5, .out = 4}), Leaky());
  const Tensor x = uniform({7, 2, 6}, -1, 4);
  const auto whole = to_vector(network(x));
  for (std::int64_t cut = 1; cut < 7; ++cut) {
    Shard first = network(slice(x, 0, 0, cut), State{});
    Shard second = network(slice(x, 0, cut, 7), first.state);
    auto joined = to_vector(first.output);
    const auto rest = to_vector(second.output);
    joined.insert(joined.end(), rest.begin(), rest.end());
    CHECK(joined == whole);
  }
}

TEST_CASE("a static input is one wherever in the network it is shown") {
  const auto norm = [] { return BatchNorm({.features = 5, .mode = BatchNormMode::step}); };
  const auto dropout = [] { return Dropout({.p = 0.5, .shared_steps = true}); };
  const auto outputs = [](Sequential network) {
    CHECK(network.shown_steps() == 3);
    seed(8);
    return to_vector(network(uniform({4, 2, 5}, -1, 2)));
  };
  const auto flat = outputs(Sequential(norm(), dropout(), IF({}, {.steps = 3}), norm(), dropout()));
  CHECK(outputs(Sequential(norm(), Sequential(dropout(), IF({}, {.steps = 3}), norm()),
                           dropout())) == flat);
  CHECK(outputs(Sequential(norm(), dropout(), Sequential(IF({}, {.steps = 3}), norm()),
                           dropout())) == flat);
}

TEST_CASE("a detached state stops the gradient at the cut") {
  Sequential network(LIF());
  Tensor x = uniform({1, 2, 3}, 0, 2).set_requires_grad(true);
  Shard first = network(x, State{});
  Tensor later = uniform({1, 2, 3}, 0, 2);
  CHECK(network(later, first.state).output.requires_grad());
  CHECK_FALSE(network(later, first.state.detach()).output.requires_grad());
}

TEST_CASE("a state of another network is refused") {
  Sequential network(LIF());
  State foreign;
  foreign.children.resize(3);
  CHECK_ERROR(network(zeros({1, 2}), foreign), ErrorCode::invalid_argument,
              "of 1 parts and no tensors; got 3 parts");
}

TEST_CASE("one module of a network shows a static input") {
  Sequential network(LIF({}, {.steps = 4}), LIF({}, {.steps = 4}));
  CHECK_ERROR(network(zeros({1, 2})), ErrorCode::invalid_argument,
              "'0' shows a static input and makes a sequence of it; '1' behind it");
}

TEST_CASE("modules are named once") {
  Sequential network;
  network.add(LIF(), "a");
  CHECK_ERROR(network.add(LIF(), "a"), ErrorCode::invalid_argument, "the name 'a' is taken");
  CHECK_ERROR(network.module(7), ErrorCode::invalid_argument, "index 7 is out of range");
}

TEST_CASE("the summary counts parameters, multiply-adds and what sparse input leaves of them") {
  Sequential network(Linear({.in = 4, .out = 3}), LIF({}, {.steps = 5}),
                     Linear({.in = 3, .out = 2, .bias = false}));
  const Tensor half = from_vector(std::vector<float>{1, 0, 1, 0, 0, 1, 0, 1}, {2, 4});
  const auto layers = summarise(network, half, 2);
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].parameters == 15);
  CHECK(layers[0].multiply_adds == 12);
  CHECK(layers[0].synaptic_operations == 6);
  CHECK(layers[2].output == Shape{5, 2, 2});
  CHECK(layers[2].multiply_adds == 5 * 6);
  for (std::string line, text = format_summary(layers); !text.empty();) {
    line = text.substr(0, text.find('\n'));
    text.erase(0, line.size() + 1);
    CHECK(line.size() <= 80);
  }
}

TEST_CASE("the summary refuses a number of samples that its example does not have") {
  Sequential network(Linear({.in = 4, .out = 3}));
  CHECK_ERROR(summarise(network, zeros({5, 2, 4}), 3), ErrorCode::invalid_argument,
              "must be [B, ...] or [T, B, ...] with B = 3; its shape is (5, 2, 4).");
}

TEST_CASE("the summary leaves a network as it was, also if it fails") {
  Sequential network(Linear({.in = 4, .out = 3}), BatchNorm({.features = 3}), LIF());
  int seen = 0;
  network.observe([&](const Observation&) { ++seen; });
  set_training(network, false);
  CHECK(summarise(network, zeros({2, 1, 4}), 1).size() == 3);
  CHECK_THROWS_AS(summarise(network, zeros({2, 1, 5}), 1), Error);
  CHECK(seen == 0);
  network(zeros({2, 1, 4}));
  CHECK(seen == 3);
  CHECK_FALSE(network.module(1).as<BatchNorm>()->training);
}

TEST_CASE("networks refuse options that make no sense") {
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(csnn({.steps = 0}), code, "[csnn] steps must be >= 1; got 0.");
  CHECK_ERROR(csnn({.channels = 0}), code, "channels and classes must be >= 1; got 0 and 10.");
  CHECK_ERROR(csnn({.image = {27, 28, 1}}), code, "multiples of 4; got (27, 28, 1)");
  CHECK_ERROR(leaky_mlp({.steps = 0}), code, "[leaky_mlp] steps must be >= 1; got 0.");
}

TEST_CASE("modules of a network are named as what asks for memory, computed as one or not") {
  const auto holders = [](Sequential& network) {
    const Tensor spikes = network(full({2, 8, 8, 2}, 1));
    std::vector<std::string> names;
    for (const auto& [layer, bytes] : cpu_allocator().layers()) names.push_back(*layer);
    return names;
  };
  Sequential network = small_csnn();
  CHECK_THAT(holders(network),
             Catch::Matchers::VectorContains(std::string("1 BatchNorm + 2 Neuron + 3 MaxPool2d")));
  network.set_fuse(false);
  CHECK_THAT(holders(network), Catch::Matchers::VectorContains(std::string("1 BatchNorm")));
  Sequential outer;
  outer.add(Sequential(Linear({.in = 4, .out = 3})), "head");
  const Tensor kept = outer(full({1, 2, 4}, 1));
  const std::vector<LayerMemory> all = cpu_allocator().layers();
  CHECK(std::ranges::any_of(
      all, [](const LayerMemory& of) { return *of.layer == "head Sequential, 0 Linear"; }));
}
