#include "ranvier/distributed/profile.h"

#include <chrono>
#include <thread>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

Tensor some_loss(const Tensor& output) { return mean(square(output)); }

/// Sleeps in forward, and twice as long in backward.
struct Sleeper {
  static constexpr std::string_view kind = "Sleeper";
  static constexpr double seconds = 0.02;

  struct Backward final : Node {
    const char* name() const override { return "SleeperBackward"; }
    std::vector<Tensor> backward(std::span<const Tensor> grads) override {
      std::this_thread::sleep_for(std::chrono::duration<double>(2 * seconds));
      return {grads[0]};
    }
  };
  Tensor operator()(const Tensor& x) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    Tensor y = x.detach();
    attach(std::make_shared<Backward>(), {x}, {y});
    return y;
  }
  void visit(Visitor&) {}
};

std::string stages(const NetworkProfile& profile) {
  std::string text;
  for (const StageProfile& stage : profile.stages)
    text += stage.name + (stage.chained ? " chained" : "") + (stage.static_input ? " static" : "") +
            ", ";
  return text;
}

}  // namespace

TEST_CASE("a profile knows the stages of a network for images") {
  seed(1);
  Sequential network = csnn({.steps = 3, .channels = 4, .image = {8, 8, 2}});
  const NetworkProfile profile =
      profile_network(network, uniform({5, 8, 8, 2}, 0, 1), {.loss = some_loss, .runs = 1});
  CHECK(profile.steps == 3);
  CHECK(profile.batch == 5);
  CHECK(profile.output_bytes == 3 * 5 * 10 * 4);
  CHECK(stages(profile) ==
        "0 static, 1-3 chained static, 4, 5-7 chained, 8, 9, 10 chained, 11, 12 chained, ");
  CHECK(profile.stages[1].kind == "BatchNorm Neuron MaxPool2d");
  CHECK(profile.stages[1].state_bytes == 5 * 8 * 8 * 4 * 4);
  CHECK(profile.stages[1].gradients == std::vector<std::int64_t>{4, 4});
  CHECK(profile.stages[4].weight_bytes == 0);
  CHECK(profile.weight_bytes() == 4 * count_elements(parameters(network)));
  for (const StageProfile& stage : profile.stages) {
    INFO(stage.name);
    CHECK(stage.forward > 0);
    CHECK(stage.backward > 0);
  }
  // The scan over time keeps its input, which has no time axis; later stages keep more.
  CHECK(profile.stages[0].saved_bytes >= 5 * 8 * 8 * 2 * 4);
  CHECK(profile.stages[3].saved_bytes > 0);
}

TEST_CASE("a profile of a time shard runs its steps, and norms apart that wait for all ranks") {
  seed(2);
  Sequential network = csnn({.steps = 6, .channels = 4, .image = {8, 8, 1}});
  const Tensor images = uniform({2, 8, 8, 1}, 0, 1);
  std::int64_t seen_steps = 0;
  const auto loss = [&](const Tensor& output) {
    seen_steps = output.size(0);
    return some_loss(output);
  };
  const NetworkProfile profile =
      profile_network(network, images, {.loss = loss, .mesh = {.data = 2, .time = 4}, .runs = 1});
  CHECK(profile.steps == 2);  // of 6: 2, 2, 1, 1
  CHECK(seen_steps == 6);
  CHECK(stages(profile) ==
        "0 static, 1-3 chained static, 4, 5, 6 chained, 7, 8, 9, 10 chained, 11, 12 chained, ");
  const NormExchange &images_norm = profile.stages[1].norm, &norm = profile.stages[3].norm;
  CHECK_FALSE(images_norm.over_time);
  CHECK(images_norm.forward == 2 * 4);
  CHECK(images_norm.backward == 2 * 4);
  CHECK(norm.over_time);
  CHECK(norm.forward == 2 * 4);
  CHECK(norm.backward == 2 * 4);
  CHECK(network(images).size(0) == 6);
}

TEST_CASE("a profile of statistics per step tells what is gathered for the running ones") {
  Sequential network = event_cnn({.frame = {8, 8, 2}, .channels = {4}});
  set_batch_norm_mode(network, BatchNormMode::step);
  const NetworkProfile profile =
      profile_network(network, uniform({3, 2, 8, 8, 2}, 0, 1),
                      {.loss = some_loss, .mesh = {.data = 2, .time = 2}, .runs = 1});
  CHECK(profile.all_steps == 6);
  CHECK(profile.stages[1].name == "1-3");
  CHECK(profile.stages[1].norm.forward == 2 * 3 * 4);
  CHECK(profile.stages[1].norm.gathered == 2 * 3 * 4);
  CHECK_FALSE(profile.stages[1].norm.over_time);
}

TEST_CASE("a network on a CUDA device has the stages and exchanges that it has on the CPU",
          "[cuda]") {
  RV_NEEDS_CUDA();
  for (const BatchNormMode mode : {BatchNormMode::batch, BatchNormMode::step}) {
    const auto profile_on = [mode](Device device) {
      Sequential network = event_cnn({.frame = {8, 8, 2}, .channels = {4}});
      set_batch_norm_mode(network, mode);
      move_to(network, device);
      return profile_network(network, uniform({3, 2, 8, 8, 2}, 0, 1).to(device),
                             {.loss = some_loss, .mesh = {.data = 2, .time = 2}, .runs = 1});
    };
    const NetworkProfile here = profile_on(cpu_device), there = profile_on(test::cuda_device);
    CHECK(stages(there) == stages(here));
    for (std::size_t i = 0; i < here.stages.size(); ++i) {
      const NormExchange &norm = there.stages[i].norm, &expected = here.stages[i].norm;
      CHECK(norm.forward == expected.forward);
      CHECK(norm.backward == expected.backward);
      CHECK(norm.gathered == expected.gathered);
      CHECK(norm.over_time == expected.over_time);
    }
  }
}

TEST_CASE("states of recurrent and adaptive neurons hold all they hand on") {
  Sequential network = adaptive_net({.inputs = 6, .hidden = {5}, .classes = 3});
  const NetworkProfile profile =
      profile_network(network, uniform({4, 2, 6}, 0, 2), {.loss = some_loss, .runs = 1});
  CHECK(stages(profile) == "0, 1 chained, 2, 3 chained, ");
  CHECK(profile.stages[1].state_bytes == 3 * 2 * 5 * 4);  // membrane, threshold, last spikes
  CHECK(profile.stages[3].state_bytes == 2 * 3 * 4);
}

TEST_CASE("profiling leaves a network as it was") {
  seed(3);
  Sequential network = event_cnn({.frame = {8, 8, 2}, .channels = {4}, .dropout = 0.5});
  const Tensor x = uniform({4, 2, 8, 8, 2}, 0, 2);
  some_loss(network(x)).backward();
  const auto snapshot = [&] {
    std::vector<std::vector<double>> values;
    for (auto& [name, tensor] : state_dict(network)) {
      values.push_back(to_vector(tensor));
      if (tensor.requires_grad()) values.push_back(to_vector(tensor.grad()));
    }
    return values;
  };
  const auto before = snapshot();
  const Generator generator = default_generator();
  for (const BatchNormMode mode : {BatchNormMode::batch, BatchNormMode::step}) {
    set_batch_norm_mode(network, mode);
    profile_network(network, x, {.loss = some_loss, .mesh = {.data = 2, .time = 2}});
    CHECK(snapshot() == before);
  }
  CHECK(snapshot() == before);
  CHECK(default_generator().next_block == generator.next_block);
  const auto failing = [](const Tensor&) -> Tensor { fail(ErrorCode::state, "no loss today"); };
  CHECK_ERROR(profile_network(network, x, {.loss = failing}), ErrorCode::state, "no loss today");
  CHECK(snapshot() == before);
}

TEST_CASE("time is counted for the stage that takes it") {
  Sequential network(Linear({.in = 3, .out = 3}), LIF(), Sleeper(), LIF());
  const NetworkProfile profile =
      profile_network(network, uniform({2, 1, 3}, 0, 2), {.loss = some_loss, .runs = 1});
  CHECK(profile.stages[2].forward >= Sleeper::seconds);
  CHECK(profile.stages[2].backward >= 2 * Sleeper::seconds);
}

TEST_CASE("a profile of other lengths lies on the line through two") {
  NetworkProfile few{.steps = 8, .batch = 2, .all_steps = 16, .stages = {{}}, .output_bytes = 80};
  NetworkProfile many = few;
  many.steps = 24, many.all_steps = 48, many.output_bytes = 240;
  StageProfile &low = few.stages[0], &high = many.stages[0];
  low.forward = 3, high.forward = 7;    // 1 + steps / 4
  low.backward = 5, high.backward = 4;  // noise
  low.saved_bytes = 800, high.saved_bytes = 2400;
  few.loss = 1, many.loss = 5;  // steps / 4 - 1, below zero for few steps
  const NetworkProfile longer = at_steps(few, many, 104), shorter = at_steps(few, many, 4);
  CHECK(longer.steps == 104);
  CHECK(longer.all_steps == 208);
  CHECK(longer.stages[0].forward == Approx(27));
  CHECK(longer.stages[0].backward == Approx(4));
  CHECK(longer.stages[0].saved_bytes == 10400);
  CHECK(longer.output_bytes == 1040);
  CHECK(shorter.stages[0].forward == Approx(2));
  CHECK(shorter.loss == Approx(0.5));
  CHECK_ERROR(at_steps(many, few, 4), ErrorCode::invalid_argument, "[at_steps] needs profiles");
}

TEST_CASE("a profile is made of a loss and of runs") {
  Sequential network(LIF());
  const Tensor x = zeros({2, 1, 3});
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(profile_network(network, x, {}), code, "[profile_network] needs a loss.");
  CHECK_ERROR(profile_network(network, x, {.loss = some_loss, .runs = 0}), code,
              "runs must be >= 1; got 0.");
  CHECK_ERROR(profile_network(network, x, {.loss = some_loss, .mesh = {.data = 0}}), code,
              "data and time shards must be >= 1; got 0 x 1.");
  CHECK_ERROR(profile_network(network, zeros({3}), {.loss = some_loss}), code,
              "input must be [T, B, ...]; its shape is (3,).");
}

TEST_CASE("a profile knows how much of a scan a guessed state costs") {
  seed(5);
  const auto repaired = [](const Neuron& neuron, std::int64_t steps) {
    Sequential network(Linear({.in = 12, .out = 200}), NeuronLayer(neuron, {}));
    const Tensor x = normal({steps, 4, 12}, 0, 1);
    return profile_network(network, x, {.loss = some_loss, .mesh = {.time = 2}, .runs = 1})
        .stages[1]
        .repaired;
  };
  const double few = repaired(LIFOptions{}, 100), many = repaired(LIFOptions{}, 400);
  CHECK(few > 0.1);  // more than the first interval: the guess is wrong
  CHECK(few < 0.6);
  CHECK(many < 0.5 * few);
  CHECK(repaired(LIFOptions{.v_reset = std::nullopt}, 100) == 1);  // waits
}

TEST_CASE("more steps are no more to repair, unless a layer waits") {
  NetworkProfile few{.steps = 20, .stages = {{.repaired = 0.9}, {.repaired = 1}}};
  NetworkProfile many{.steps = 100, .stages = {{.repaired = 0.25}, {.repaired = 1}}};
  const auto repaired = [&](std::int64_t steps, std::size_t stage) {
    return at_steps(few, many, steps).stages[stage].repaired;
  };
  CHECK(repaired(1000, 0) == Approx(0.025));
  CHECK(repaired(10, 0) == 1);
  CHECK(repaired(1000, 1) == 1);
}
