#include "ranvier/layers/recurrent.h"

#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/layers/summary.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/values.h"

using namespace ranvier;

namespace {

Sequential small_network() {
  return Sequential(Linear({.in = 6, .out = 20}),
                    Recurrent(ParametricLIFOptions{}, {.features = 20}),
                    Linear({.in = 20, .out = 4}), LeakyIntegrator());
}

}  // namespace

TEST_CASE("a recurrent layer names its weight and what its neurons learn") {
  Sequential network = small_network();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(network)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"0.weight", "0.bias", "1.recurrent_weight", "1.w",
                                          "2.weight", "2.bias"});
}

TEST_CASE("a network with a recurrent layer may be cut anywhere without changing a bit") {
  seed(1);
  Sequential network = small_network();
  const Tensor x = uniform({9, 3, 6}, -2, 6);
  const Tensor whole = network(x);
  for (std::int64_t cut = 1; cut < 9; ++cut) {
    const Shard first = network(slice(x, 0, 0, cut), State{});
    CHECK(first.state.children[1].tensors.size() == 2);
    const Shard second = network(slice(x, 0, cut, 9), first.state);
    CHECK(test::same_bits(concat({first.output, second.output}), whole));
  }
}

TEST_CASE("a recurrent layer hands on packed spikes without changing a gradient") {
  seed(2);
  const test::AllThresholds dense(DType::f32, 0);
  Sequential network = small_network();
  const Tensor x = uniform({9, 3, 6}, -2, 6), seed_grad = uniform({9, 3, 4}, -1, 1);
  const auto gradients = [&](bool fuse) {
    network.set_fuse(fuse);
    zero_grad(parameters(network));
    network(x).backward(seed_grad);
    std::vector<Tensor> found;
    for (const auto& [name, tensor] : parameters(network)) found.push_back(tensor.grad());
    return found;
  };
  const auto packed = gradients(true), alone = gradients(false);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    CHECK(test::largest_difference(packed[i], alone[i]) < 1e-5);
    CHECK(test::largest_difference(packed[i], zeros_like(packed[i])) > 0);
  }
}

TEST_CASE("the summary counts what recurrent neurons multiply: their own spikes") {
  Sequential network(Recurrent(IFOptions{}, {.features = 3}));
  fill(network.module(0).as<Recurrent>()->recurrent_weight, 0);  // one neuron of three fires
  const Tensor x = from_vector(std::vector<float>{1, 0.1f, 0.1f, 1, 0.1f, 0.1f}, {2, 1, 3});
  const auto layers = summarise(network, x, 1);
  CHECK(layers[0].parameters == 9);
  CHECK(layers[0].multiply_adds == 2 * 9);
  CHECK(layers[0].synaptic_operations == Approx(6));
}

TEST_CASE("layers of neurons are told from others") {
  Sequential network = small_network();
  CHECK(neurons_of(network.module(0)) == nullptr);
  CHECK(neurons_of(network.module(1))->name() == "parametric_lif");
  CHECK(neurons_of(network.module(3))->name() == "leaky_integrator");
}

TEST_CASE("a recurrent layer needs neurons") {
  CHECK_ERROR(Recurrent(LIFOptions{}, {.features = 0}), ErrorCode::invalid_argument,
              "[Recurrent] features must be >= 1; got 0.");
}
