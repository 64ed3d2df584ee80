#include "ranvier/layers/delay.h"

#include <cmath>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/layers/summary.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/adam.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/values.h"

using namespace ranvier;
using test::same_bits;

namespace {

constexpr auto invalid = ErrorCode::invalid_argument;

Sequential small_network(bool rounded = false) {
  return Sequential(Delay({.features = 6, .max_delay = 2, .rounded = rounded}),
                    Linear({.in = 6, .out = 20}), LIF({.decay_input = false}),
                    Delay({.features = 20, .max_delay = 5, .rounded = rounded}),
                    Linear({.in = 20, .out = 4}), LeakyIntegrator());
}

}  // namespace

TEST_CASE("a layer of delays names them, and they begin all over their range") {
  seed(1);
  Sequential network = small_network();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(network)) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"0.delay", "1.weight", "1.bias", "3.delay", "4.weight", "4.bias"});
  const Delay layer({.features = 1000, .max_delay = 25});
  CHECK(layer.share.requires_grad());
  double least = 25, most = 0, total = 0;
  for (const double d : to_vector(layer.steps())) {
    least = std::min(least, d);
    most = std::max(most, d);
    total += d;
  }
  CHECK(least >= 0);
  CHECK(least < 1);
  CHECK(most < 25);
  CHECK(most > 24);
  CHECK(total / 1000 == test::Approx(12.5).margin(1));
}

TEST_CASE("a network with delays may be cut anywhere without changing a bit") {
  for (const bool rounded : {false, true}) {
    seed(2);
    Sequential network = small_network(rounded);
    const Tensor x = uniform({9, 3, 6}, -2, 6);
    const Tensor whole = network(x);
    for (std::int64_t cut = 1; cut < 9; ++cut) {
      const Shard first = network(slice(x, 0, 0, cut), State{});
      REQUIRE(first.state.children[3].tensors.size() == 1);
      CHECK(first.state.children[3].tensors[0].shape() == Shape{5, 3, 20});
      const Shard second = network(slice(x, 0, cut, 9), first.state);
      CHECK(same_bits(concat({first.output, second.output}), whole));
    }
  }
}

TEST_CASE("delays step by step are delays over all of time, with and without what came before") {
  seed(3);
  Sequential network = small_network();
  const Tensor x = uniform({12, 2, 6}, -2, 6);
  const Tensor whole = network(x);
  State state;
  for (std::int64_t t = 0; t < 12; ++t) {
    Shard step = network(slice(x, 0, t, t + 1), state);
    CHECK(same_bits(step.output, slice(whole, 0, t, t + 1)));
    state = step.state.detach();
  }
  CHECK_FALSE(state.children[3].tensors[0].requires_grad());
}

TEST_CASE("gradients of a network with delays do not depend on cuts, and end where a state does") {
  seed(4);
  Sequential network = small_network();
  const Tensor x = uniform({10, 3, 6}, -2, 6), grad = uniform({10, 3, 4}, -1, 1);
  const auto gradients = [&](std::int64_t length, bool detached) {
    zero_grad(parameters(network));
    State state;
    std::vector<Tensor> parts;
    for (std::int64_t t = 0; t < 10; t += length) {
      const Shard shard = network(slice(x, 0, t, std::min<std::int64_t>(10, t + length)), state);
      parts.push_back(shard.output);
      state = detached ? shard.state.detach() : shard.state;
    }
    concat(parts).backward(grad);
    std::vector<Tensor> found;
    for (const auto& [name, tensor] : parameters(network)) found.push_back(tensor.grad());
    return found;
  };
  const auto whole = gradients(10, false);
  for (const std::int64_t length : {1, 3, 7}) {
    const auto cut = gradients(length, false), truncated = gradients(length, true);
    for (std::size_t i = 0; i < whole.size(); ++i)
      CHECK(test::largest_difference(cut[i], whole[i]) < 1e-5);
    CHECK(test::largest_difference(truncated[1], whole[1]) > 1e-3);
  }
}

TEST_CASE("a layer moves delays that an optimizer took too far back to their limits") {
  Delay layer({.features = 3, .max_delay = 4});
  float* const share = layer.share.mutable_data<float>();
  share[0] = -2, share[1] = 0.25f, share[2] = 9;
  const Tensor x = test::random_values({5, 1, 3}, 1);
  {
    const NoGradGuard no_grad;
    const Tensor y = layer(x, {}).output;
    CHECK(to_vector(layer.share) == std::vector<double>{-2, 0.25, 9});  // as it was
    CHECK(y.data<float>()[0] == x.data<float>()[0]);                    // but applied as 0
  }
  layer(x, {});
  CHECK(to_vector(layer.share) == std::vector<double>{0, 0.25, 1});
  CHECK(to_vector(layer.steps()) == std::vector<double>{0, 1, 4});
}

TEST_CASE("neurons before delays are computed as elsewhere") {
  seed(5);
  const test::AllThresholds dense(DType::f32, 0);
  Sequential network = small_network();
  const Tensor x = uniform({9, 3, 6}, -2, 6);
  const Tensor fused = network(x);
  network.set_fuse(false);
  CHECK(same_bits(network(x), fused));
}

TEST_CASE("rounded delays pass spikes on as spikes") {
  seed(6);
  Delay layer({.features = 30, .max_delay = 6, .rounded = true});
  for (const double y : to_vector(layer(test::random_spikes({20, 2, 30}, 0.3, 1), {}).output))
    REQUIRE((y == 0 || y == 1));
}

TEST_CASE("a checkpoint brings learned delays back") {
  const test::TemporaryFolder folder;
  seed(7);
  Sequential network = small_network();
  const Tensor x = uniform({9, 3, 6}, -2, 6), before = network(x);
  save_checkpoint(folder / "delays.h5", {.tensors = state_dict(network)});
  Sequential other = small_network();
  CHECK_FALSE(same_bits(other(x), before));
  load_state(state_dict(other), load_checkpoint(folder / "delays.h5").tensors);
  CHECK(same_bits(other(x), before));
}

TEST_CASE("the summary counts learned delays") {
  Sequential network = small_network();
  const auto layers = summarise(network, zeros({4, 2, 6}), 2);
  CHECK(layers[3].kind == "Delay");
  CHECK(layers[3].parameters == 20);
  CHECK(layers[3].multiply_adds == 0);
  CHECK(layers[3].output == Shape{4, 2, 20});
}

TEST_CASE("delays learn how much earlier one spike train is than another") {
  const Tensor spikes = test::random_spikes({200, 4, 1}, 0.05, 7);
  const auto late = [&](double lag) {
    return delay(spikes, full({1}, lag), {}, {.max_delay = 16}).output;
  };
  struct Start {
    double lag, first, second;
  };
  for (const auto& [lag, first, second] :
       {Start{6, 0, 0}, Start{2.6, 9, 1}, Start{9.3, 5, 1}, Start{0, 7, 2}}) {
    INFO("lag " << lag << " from " << first << " and " << second);
    const Tensor trains = concat({spikes, late(lag)}, 2);
    Sequential network(Delay({.features = 2, .max_delay = 14}), LeakyIntegrator({.tau = 8}));
    Delay& layer = *network.module(0).as<Delay>();
    float* const share = layer.share.mutable_data<float>();
    share[0] = static_cast<float>(first / 14), share[1] = static_cast<float>(second / 14);
    Adam optimizer(parameters(network), {.lr = 0.015});
    for (int i = 0; i < 300; ++i) {
      optimizer.set_lr(0.015 * (300 - i) / 300);
      zero_grad(optimizer.parameters());
      const Tensor traces = network(trains);
      mean(square(slice(traces, 2, 0, 1) - slice(traces, 2, 1, 2))).backward();
      optimizer.step();
    }
    const std::vector<double> learned = to_vector(layer.steps());
    CHECK(std::abs(learned[0] - learned[1] - lag) < 0.1);
  }
}

TEST_CASE("a layer of delays says what is wrong") {
  CHECK_ERROR(Delay({.features = 0, .max_delay = 3}), invalid,
              "[Delay] features must be >= 1; got 0.");
  CHECK_ERROR(Delay({.features = 4, .max_delay = -1}), invalid,
              "[delay] max_delay must be in [1, 65536] steps; got -1.");
  Delay layer({.features = 4, .max_delay = 3});
  CHECK_ERROR(layer(zeros({5, 2, 3}), {}), invalid, "must be f32 (3,) for x (5, 2, 3)");
  const State other{.tensors = {zeros({2, 2, 4})}};
  CHECK_ERROR(layer(zeros({5, 2, 4}), other), invalid, "the state, the last inputs, must be f32");
  Sequential shown(Delay({.features = 4, .max_delay = 3}), IF({}, {.steps = 5}));
  CHECK_ERROR(shown(zeros({2, 4})), invalid, "[Delay] a static input has no time axis");
}
