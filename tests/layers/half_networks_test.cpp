// Networks on a CUDA device whose activations are stored in 16 bit under autocast.
#include <cmath>
#include <numeric>

#include "ranvier/core/autocast.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/layers/pool.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/layers/residual.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/sum.h"
#include "tests/support/cuda.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

constexpr std::int64_t batch = 32;

struct Case {
  const char* name;
  std::function<Sequential()> network;
  Shape input;
};

Sequential residual_network() {
  const Conv2dLayerOptions conv{
      .in = 16, .out = 16, .kernel = {3, 3}, .conv = {.padding = {1, 1}}, .bias = false};
  Sequential body(Conv2d(conv), BatchNorm({.features = 16}), IF());
  return Sequential(
      Conv2d({.in = 2, .out = 16, .kernel = {3, 3}, .conv = conv.conv, .bias = false}),
      BatchNorm({.features = 16}), IF(), Residual(std::move(body)), AvgPool2d(),
      Dropout({.p = 0.1}), Flatten(), Linear({.in = 256, .out = 10}));
}

std::vector<Case> cases() {
  return {
      {"csnn",
       [] {
         return csnn({.steps = 4,
                      .channels = 16,
                      .image = {12, 12, 1},
                      .neuron = {.threshold = 0.1, .surrogate = surrogate::ATan{}}});
       },
       {batch, 12, 12, 1}},
      {"leaky_mlp",
       [] { return leaky_mlp({.steps = 10, .inputs = 48, .hidden = 64}); },
       {batch, 4, 12, 1}},
      {"residual", residual_network, {4, batch, 8, 8, 2}},
      {"recurrent_net",
       [] { return recurrent_net({.inputs = 24, .hidden = {32}, .classes = 10}); },
       {8, batch, 24}},
      {"event_cnn",
       [] {
         return event_cnn({.frame = {8, 8, 2}, .channels = {8, 16}, .classes = 10});
       },
       {5, batch, 8, 8, 2}},
  };
}

struct Trained {
  double loss;
  NamedTensors parameters;  // with their gradients
};

/// The first training step of a network, the same one each time.
Trained train(const Case& of, DType compute, Device device) {
  seed(5);
  Sequential network = of.network();
  move_to(network, device);
  const Tensor x = uniform(of.input, 0, 2).to(device);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < batch; ++i) labels.push_back(i * 7 % 10);
  const AutocastGuard autocast(compute, device);
  const Tensor loss = cross_entropy(sum(network(x), {0}), from_vector(labels, {batch}).to(device));
  loss.backward();
  return {loss.item(), parameters(network)};
}

double product(const Tensor& a, const Tensor& b) {
  const std::vector<double> left = to_vector(a), right = to_vector(b);
  return std::inner_product(left.begin(), left.end(), right.begin(), 0.0);
}

/// Rounding moves a few spikes, and with them a gradient, but neither where it points nor how far.
void check_close(const Case& of, DType compute, Device device) {
  INFO(of.name << " in " << name(compute));
  const Trained wide = train(of, DType::f32, device), narrow = train(of, compute, device);
  CHECK(narrow.loss == Approx(wide.loss).epsilon(0.08));
  for (std::size_t i = 0; i < wide.parameters.size(); ++i) {
    INFO(wide.parameters[i].name);
    const Tensor of_wide = wide.parameters[i].tensor.grad();
    const Tensor of_narrow = narrow.parameters[i].tensor.grad();
    CHECK(of_narrow.dtype() == DType::f32);
    const double along = product(of_wide, of_narrow), squared = product(of_wide, of_wide);
    REQUIRE(squared > 0);
    CHECK(along / std::sqrt(squared * product(of_narrow, of_narrow)) > 0.7);
    CHECK(along / squared == Approx(1).margin(0.5));
  }
}

}  // namespace

TEST_CASE("networks learn in bf16 on the CPU what they do in f32", "[autocast]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  for (const Case& of : cases()) check_close(of, DType::bf16, cpu_device);
}

TEST_CASE("networks with 16-bit activations on a CUDA device learn what they do in f32", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType compute : {DType::bf16, DType::f16})
    for (const Case& of : cases()) check_close(of, compute, cuda_device);
}

TEST_CASE("states that networks with 16-bit activations keep are f32", "[cuda]") {
  RV_NEEDS_CUDA();
  Sequential network = leaky_mlp({.steps = 3, .inputs = 48, .hidden = 64});
  move_to(network, cuda_device);
  const AutocastGuard autocast(DType::bf16, cuda_device);
  const Tensor x = uniform({2, 4, 12, 1}, 0, 2).to(cuda_device);
  const Shard first = network(x, State{}), second = network(x, first.state);
  CHECK(second.output.shape() == Shape{3, 2, 10});
  for (const State& child : first.state.children)
    for (const Tensor& variable : child.tensors) CHECK(variable.dtype() == DType::f32);
}

TEST_CASE("a layer can multiply in f32 under autocast", "[autocast]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  const Tensor rows = uniform({5, 33}, -1, 1), images = uniform({2, 6, 6, 3}, -1, 1);
  for (const bool cast : {true, false}) {
    seed(4);
    const Linear linear({.in = 33, .out = 7, .autocast = cast});
    const Conv2d conv({.in = 3, .out = 4, .autocast = cast});
    const auto outputs = [&] {
      std::vector<double> all = to_vector(linear(rows));
      const std::vector<double> pixels = to_vector(conv(images));
      all.insert(all.end(), pixels.begin(), pixels.end());
      return all;
    };
    const std::vector<double> in_f32 = outputs();
    const AutocastGuard guard(DType::bf16);
    CHECK((outputs() == in_f32) == !cast);
  }
}

TEST_CASE("a layer on a CUDA device can multiply in f32 under autocast", "[cuda]") {
  RV_NEEDS_CUDA();
  Sequential network(Linear({.in = 33, .out = 7, .autocast = false}));
  move_to(network, cuda_device);
  const Tensor x = uniform({5, 33}, -1, 1).to(cuda_device);
  const Tensor in_f32 = network(x);
  const AutocastGuard guard(DType::bf16, cuda_device);
  check_same(network(x), in_f32.to(cpu_device), 0);
}
