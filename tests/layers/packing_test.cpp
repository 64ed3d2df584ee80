// Spikes that reach products as bits where a network is asked for it, on a CPU and on CUDA devices.
#include <functional>

#include "ranvier/core/autocast.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/layers/sequential.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

struct Case {
  const char* name;
  std::function<Sequential()> network;
  Tensor x;
};

std::vector<Case> cases(std::int64_t width) {
  return {{"csnn",
           [=] {
             return csnn({.steps = 3, .channels = width, .image = {8, 8, 2}});
           },
           uniform({4, 8, 8, 2}, 0, 1)},
          {"leaky_mlp", [=] { return leaky_mlp({.steps = 5, .inputs = 36, .hidden = width}); },
           uniform({4, 6, 6, 1}, 0, 3)},
          {"recurrent_net",
           [=] {
             return recurrent_net({.inputs = 9, .hidden = {width, width}, .classes = 4});
           },
           uniform({6, 4, 9}, 0, 3)}};
}

/// Makes a network one of f64.
struct WidenTensors final : Visitor {
  void on_parameter(const std::string&, Tensor& tensor) override {
    tensor = tensor.detach().to(DType::f64).set_requires_grad(true);
  }
  void on_buffer(const std::string&, Tensor& tensor) override { tensor = tensor.to(DType::f64); }
};

/// What a pass forward and back makes, and what it keeps in between.
struct Pass {
  Tensor output;
  std::vector<Tensor> gradients;
  std::int64_t bytes_kept;
};

Pass pass(const Case& of, SpikePacking packing, Device device) {
  seed(7);
  Sequential network = of.network();
  move_to(network, device);
  network.set_packing(packing);
  const std::int64_t before = saved_bytes();
  Pass result{.output = network(of.x.to(device)), .gradients = {}, .bytes_kept = 0};
  result.bytes_kept = saved_bytes() - before;
  seed(8);
  result.output.backward(
      uniform(result.output.shape(), -1, 1).to(device).to(result.output.dtype()));
  for (const NamedTensor& parameter : parameters(network))
    result.gradients.push_back(parameter.tensor.grad());
  return result;
}

void check_equal(const Pass& packed, const Pass& numbers, double tolerance) {
  CHECK(largest_difference(packed.output, numbers.output) == 0);
  REQUIRE(packed.gradients.size() == numbers.gradients.size());
  for (std::size_t i = 0; i < packed.gradients.size(); ++i)
    CHECK(largest_difference(packed.gradients[i], numbers.gradients[i]) <= tolerance);
}

}  // namespace

TEST_CASE(
    "a network's spikes are bits or numbers, as it is asked, and what it learns is the same") {
  const AllThresholds dense(DType::f32, 0);
  for (const Case& of : cases(64)) {
    CAPTURE(of.name);
    const Pass numbers = pass(of, SpikePacking::off, cpu_device);
    for (const SpikePacking packing : {SpikePacking::automatic, SpikePacking::on}) {
      const Pass packed = pass(of, packing, cpu_device);
      CHECK(packed.bytes_kept < numbers.bytes_kept);
      check_equal(packed, numbers, 1e-5);
    }
  }
}

TEST_CASE("spikes stay numbers for products of f64") {
  for (const Case& of : cases(20)) {
    CAPTURE(of.name);
    seed(7);
    Sequential network = of.network();
    WidenTensors widen;
    network.visit(widen);
    const Tensor x = of.x.to(DType::f64);
    network.set_packing(SpikePacking::off);
    const Tensor numbers = network(x);
    CHECK(numbers.dtype() == DType::f64);
    for (const SpikePacking packing : {SpikePacking::automatic, SpikePacking::on}) {
      network.set_packing(packing);
      CHECK(same_bits(network(x), numbers));
    }
  }
}

TEST_CASE("on a CUDA device spikes are kept as bits where a network is asked to", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t width : {64, 20})  // rows of whole words or not
    for (const Case& of : cases(width)) {
      CAPTURE(of.name, width);
      const Pass numbers = pass(of, SpikePacking::automatic, cuda_device);
      const Pass packed = pass(of, SpikePacking::on, cuda_device);
      CHECK(packed.bytes_kept < numbers.bytes_kept);
      check_equal(packed, numbers, 1e-5);
    }
}

TEST_CASE("bits serve networks of 16-bit activations on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType compute : {DType::bf16, DType::f16}) {
    const AutocastGuard autocast(compute, cuda_device);
    for (const Case& of : cases(64)) {
      CAPTURE(of.name, name(compute));
      const Pass numbers = pass(of, SpikePacking::automatic, cuda_device);
      const Pass packed = pass(of, SpikePacking::on, cuda_device);
      CHECK(packed.bytes_kept < numbers.bytes_kept);
      check_equal(packed, numbers, 0.1);
    }
  }
}
