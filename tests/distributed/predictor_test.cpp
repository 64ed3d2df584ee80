#include "ranvier/distributed/predictor.h"

#include <algorithm>
#include <random>

#include "ranvier/distributed/time_relay.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

constexpr std::int64_t steps = 64, batch = 16;
const Link wire{.latency = 2e-4, .bandwidth = 1e9};

/// A network of pairs of a stage without and a stage with a state.
struct Pair {
  double plain, chained;  // seconds forward; backward takes twice as long
  std::int64_t state_bytes;
};

/// With `sums`, batch norm over all steps comes before each scan and adds up so many numbers.
NetworkProfile network(const std::vector<Pair>& pairs, std::int64_t sums = 0) {
  NetworkProfile profile{.steps = steps, .batch = batch, .all_steps = steps};
  for (const Pair& pair : pairs) {
    profile.stages.push_back({.forward = pair.plain,
                              .backward = 2 * pair.plain,
                              .norm = {.forward = sums, .backward = sums, .over_time = true}});
    profile.stages.push_back({.forward = pair.chained,
                              .backward = 2 * pair.chained,
                              .chained = true,
                              .in_pieces = true,
                              .state_bytes = pair.state_bytes});
  }
  return profile;
}

/// Random networks whose states travel faster than the neurons that make them compute, on 8 ranks.
std::vector<Pair> random_pairs(std::mt19937& random) {
  std::uniform_real_distribution<double> seconds(1e-3, 1e-1), part(0.1, 1);
  std::vector<Pair> pairs(1 + random() % 8);
  for (Pair& pair : pairs) {
    pair = {.plain = seconds(random), .chained = seconds(random), .state_bytes = 0};
    const double most = pair.chained / 8 * wire.bandwidth * part(random);
    pair.state_bytes = static_cast<std::int64_t>(most) / batch * batch;
  }
  return pairs;
}

/// (R - 1)(N / K + c / K + a), the delay of the last rank behind the first.
double skew(double neurons, const Pair& pair, int ranks, int pieces) {
  const double transfer = static_cast<double>(pair.state_bytes) / wire.bandwidth;
  return (ranks - 1) * ((neurons + transfer) / pieces + wire.latency);
}

}  // namespace

TEST_CASE("without meetings a step pays the longest delay between ranks once each way") {
  std::mt19937 random(1);
  for (int run = 0; run < 200; ++run) {
    const auto pairs = random_pairs(random);
    const int ranks = 1 << (random() % 4), pieces = 1 + static_cast<int>(random() % 8);
    double work = 0, forward_delay = 0, backward_delay = 0;
    for (const Pair& pair : pairs) {
      work += (pair.plain + pair.chained) / ranks;
      forward_delay = std::max(forward_delay, skew(pair.chained / ranks, pair, ranks, pieces));
      backward_delay =
          std::max(backward_delay, skew(2 * pair.chained / ranks, pair, ranks, pieces));
    }
    const Prediction got = predict(network(pairs), {.mesh = {.time = ranks},
                                                    .steps = steps,
                                                    .batch = batch,
                                                    .state_pieces = pieces,
                                                    .link = wire});
    const double gather = ranks > 1 ? wire.latency : 0;
    INFO("ranks " << ranks << ", pieces " << pieces << ", stages " << pairs.size());
    CHECK(got.forward == Approx(work + forward_delay + gather).epsilon(1e-9));
    CHECK(got.step == Approx(3 * work + forward_delay + backward_delay + gather).epsilon(1e-9));
  }
}

TEST_CASE("batch norm over all ranks pays the delay at every layer") {
  std::mt19937 random(2);
  constexpr std::int64_t channels = 128;
  for (int run = 0; run < 200; ++run) {
    const auto pairs = random_pairs(random);
    const int ranks = 2 << (random() % 3), pieces = 1 + static_cast<int>(random() % 8);
    const double sums =
        2 * wire.latency + 2.0 * (ranks - 1) / ranks * (2 * 8 * channels) / wire.bandwidth;
    double forward = wire.latency;
    for (const Pair& pair : pairs)
      forward += (pair.plain + pair.chained) / ranks + sums +
                 skew(pair.chained / ranks, pair, ranks, pieces);
    const Prediction got = predict(network(pairs, 2 * channels), {.mesh = {.time = ranks},
                                                                  .steps = steps,
                                                                  .batch = batch,
                                                                  .state_pieces = pieces,
                                                                  .link = wire});
    CHECK(got.forward == Approx(forward).epsilon(1e-9));
  }
}

TEST_CASE("ranks that guess states wait for repairs instead of scans") {
  std::mt19937 random(3);
  constexpr std::int64_t channels = 128;
  for (int run = 0; run < 200; ++run) {
    const auto pairs = random_pairs(random);
    const int ranks = 2 << (random() % 3);
    const double repaired = std::uniform_real_distribution<double>(0.1, 0.9)(random);
    const double sums =
        2 * wire.latency + 2.0 * (ranks - 1) / ranks * (2 * 8 * channels) / wire.bandwidth;
    NetworkProfile profile = network(pairs, 2 * channels);
    for (StageProfile& stage : profile.stages)
      if (stage.chained) stage.repaired = repaired;
    double forward = wire.latency;
    for (const Pair& pair : pairs)
      forward += (pair.plain + pair.chained) / ranks + sums +
                 skew(repaired * pair.chained / ranks, pair, ranks, 1);
    Plan plan{
        .mesh = {.time = ranks}, .steps = steps, .batch = batch, .state_pieces = 1, .link = wire};
    const double waiting = predict(profile, plan).forward;
    plan.speculate = true;
    const double guessing = predict(profile, plan).forward;
    CHECK(guessing == Approx(forward).epsilon(1e-9));
    CHECK(guessing < waiting);
  }
}

TEST_CASE("states go in as many pieces as trainers cut them into, unless a plan says otherwise") {
  CHECK(state_pieces(1 << 30, 1000, 1) == 1);
  CHECK(state_pieces(1000, 10, 2) == 1);  // a message takes longer than a piece
  CHECK(state_pieces(1 << 20, 64, 2) > 4);
  CHECK(state_pieces(1 << 30, 1000, 8) == state_pieces(1 << 24, 1000, 8));
  for (std::int64_t bytes = 4; bytes < 1 << 24; bytes *= 2) {
    const std::int64_t pieces = state_pieces(bytes, 16, 3);
    CHECK(pieces <= state_pieces(2 * bytes, 16, 3));
    CHECK(pieces <= state_pieces(bytes, 32, 3));
    CHECK(pieces <= state_pieces(bytes, 16, 4));
  }
  for (const std::int64_t bytes : {1 << 10, 1 << 14, 1 << 16, 1 << 20}) {
    NetworkProfile profile = network({{.plain = 1, .chained = 8, .state_bytes = bytes}});
    Plan plan{.mesh = {.time = 8}, .steps = steps, .batch = batch, .link = wire};
    const double by_rule = predict(profile, plan).step;
    plan.state_pieces = state_pieces(bytes, Slice::of(steps, 0, 8).length(), 8);
    CHECK(predict(profile, plan).step == by_rule);
    profile.stages[1].in_pieces = false;
    plan.state_pieces = 4;
    const double whole = predict(profile, plan).step;
    plan.state_pieces = 1;
    CHECK(predict(profile, plan).step == whole);
  }
}

TEST_CASE("a rank whose state is there does not guess it") {
  const Pair second{.plain = 0, .chained = 2, .state_bytes = 0};  // 1 s on each of two ranks
  NetworkProfile profile = network({second, second, second});
  for (StageProfile& stage : profile.stages)
    if (stage.chained) stage.repaired = 0.75;
  const Plan plan{.mesh = {.time = 2},
                  .steps = steps,
                  .batch = batch,
                  .speculate = true,
                  .link = {.latency = 0, .bandwidth = 1}};
  // The second rank guesses at 0 and at 1.75 s, and repairs until 3.5 s. Its third state comes at
  // 3 s. Without guesses it would be done at 4 s: it pays where ranks meet.
  CHECK(predict(profile, plan).forward == Approx(3.5 + 1));
}

TEST_CASE("one rank takes the sum of all times and waits for nobody") {
  NetworkProfile profile = network({{.plain = 3, .chained = 2, .state_bytes = 160}}, 8);
  profile.stages[0].static_input = true;
  profile.stages[0].gradients = {100};
  profile.loss = 0.5, profile.rest = 0.25, profile.update = 1;
  const Prediction got = predict(profile, {.steps = steps, .batch = batch, .link = {1, 1}});
  CHECK(got.step == Approx(3 * 5 + 0.5 + 0.25 + 1));
  CHECK(got.forward == Approx(5));
  CHECK(got.waiting == Approx(0).margin(1e-12));
  CHECK(got.bytes_sent == std::vector<std::int64_t>{0});
}

TEST_CASE("a slow link holds back the ranks that wait for states") {
  // Two stages whose states take 4 s each on a link, on two ranks that compute 1 s: the second
  // state waits for the first one to have left.
  const NetworkProfile profile =
      network({{.plain = 0, .chained = 2, .state_bytes = 64}, {0, 2, 64}});
  const Prediction got = predict(profile, {.mesh = {.time = 2},
                                           .steps = steps,
                                           .batch = batch,
                                           .link = {.latency = 0, .bandwidth = 16}});
  CHECK(got.forward == Approx(1 + 4 + 4 + 1));
}

TEST_CASE("what comes before the first neuron of a static input is not divided") {
  NetworkProfile profile = network({{.plain = 8, .chained = 4, .state_bytes = 0}});
  profile.stages[0].static_input = true;
  profile.stages[1].static_input = true;
  const Plan plan{.mesh = {.time = 4}, .steps = steps, .batch = batch, .link = {0, 1e9}};
  CHECK(predict(profile, plan).forward == Approx(8 + 4 * 1));
  profile.stages[0].static_input = false;
  CHECK(predict(profile, plan).forward == Approx(2 + 4 * 1));
}

TEST_CASE(
    "samples that ranks share are gathered before the first neuron, and their gradients after") {
  NetworkProfile profile = network({{.plain = 8, .chained = 4, .state_bytes = 0}});
  for (StageProfile& stage : profile.stages) stage.static_input = true;
  Plan plan{.mesh = {.time = 4}, .steps = steps, .batch = batch, .link = {0.5, 100}};
  const Prediction alone = predict(profile, plan);
  profile.stages[1].shared_bytes = 400;  // 100 of each rank for three others: 3 s
  const Prediction shared = predict(profile, plan);
  CHECK(shared.forward == Approx(alone.forward + 3.5));
  CHECK(shared.step == Approx(alone.step + 7));
  plan.mesh.time = 1;
  CHECK(predict(profile, plan).forward == Approx(8 + 4));
}

TEST_CASE("sums among the ranks with the same steps are waited for within the chain") {
  NetworkProfile profile = network({{.plain = 0, .chained = 8, .state_bytes = 0}});
  profile.stages[1].norm = {.forward = 100, .backward = 100};  // 800 B: 2 s on two ranks
  Plan plan{.mesh = {.data = 2, .time = 4}, .steps = steps, .batch = batch, .link = {0, 400}};
  CHECK(predict(profile, plan).forward == Approx(4 * (1 + 2)));
  plan.mesh.data = 1, plan.batch = batch / 2;
  CHECK(predict(profile, plan).forward == Approx(4 * 1));
}

TEST_CASE("more steps, slower links and slower stages never make a step shorter") {
  std::mt19937 random(3);
  for (int run = 0; run < 100; ++run) {
    NetworkProfile profile = network(random_pairs(random), random() % 2 ? 64 : 0);
    profile.stages[0].gradients = {1 << 18};
    const int data = 1 + static_cast<int>(random() % 4), time = 1 + static_cast<int>(random() % 8);
    Plan plan{.mesh = {.data = data, .time = time},
              .steps = steps,
              .batch = batch,
              .state_pieces = 1 + static_cast<int>(random() % 4),
              .link = wire};
    const double before = predict(profile, plan).step;
    const auto slower = [&](Plan changed) { return predict(profile, changed).step >= before; };
    Plan changed = plan;
    changed.steps = steps + 8;
    CHECK(slower(changed));
    changed = plan, changed.link.latency *= 2;
    CHECK(slower(changed));
    changed = plan, changed.link.bandwidth /= 2;
    CHECK(slower(changed));
    profile.stages[random() % profile.stages.size()].forward *= 2;
    CHECK(slower(plan));
  }
}

TEST_CASE("data shards divide the batch and only meet to add up gradients") {
  NetworkProfile profile = network({{.plain = 3, .chained = 1, .state_bytes = 1600}});
  profile.stages[0].gradients = {150, 50};
  profile.update = 1;
  const Prediction got = predict(profile, {.mesh = {.data = 4},
                                           .steps = steps,
                                           .batch = batch,
                                           .link = {.latency = 0.25, .bandwidth = 400}});
  CHECK(got.exposed_reduction == Approx(2 * 0.25 + 2 * 0.75 * 800 / 400));
  CHECK(got.step == Approx(3.0 * 4 / 4 + got.exposed_reduction + 1));
}

TEST_CASE("gradients are added up in buckets while backward goes on") {
  constexpr std::int64_t bucket = 1 << 20;  // numbers; 4 MiB take 1 s to be added up by two ranks
  NetworkProfile profile = network({{1, 1, 0}, {1, 1, 0}});
  const Plan plan{.mesh = {.data = 2}, .steps = steps, .batch = batch, .link = {0, 4 << 20}};
  const auto exposed = [&](std::int64_t first, std::int64_t last) {
    profile.stages[0].gradients = {first};
    profile.stages[2].gradients = {last};
    return predict(profile, plan).exposed_reduction;
  };
  // What the last stages have is under way while the first ones take another 2 s.
  CHECK(exposed(0, bucket) == 0);
  CHECK(exposed(0, 5 * bucket) == Approx(5 - 2));
  CHECK(exposed(3 * bucket, 5 * bucket) == Approx(5 - 2 + 3));
  CHECK(exposed(bucket / 4, bucket / 2) == Approx(0.75));  // one bucket, full at the end
}

TEST_CASE("ranks spend time on adding gradients up, one rank has none to add") {
  NetworkProfile profile = network({{1, 1, 0}});
  profile.stages[0].gradients = {250};
  Plan plan{.mesh = {.data = 2}, .steps = steps, .batch = batch, .link = {0, 1e12, 1e-3}};
  const double shared = predict(profile, plan).step;
  plan.link.summing = 0;
  CHECK(shared == Approx(predict(profile, plan).step + 1));
  // Nothing is left to do beside the last sum: 1 s of messages, and 1 s of adding up in between.
  plan.link = {0, 1e3, 1e-3};
  CHECK(predict(profile, plan).step == Approx(shared + 1));
  plan = {.steps = steps, .batch = batch, .link = {0, 1e12, 1e-3}};
  CHECK(predict(profile, plan).step == Approx(6));
}

TEST_CASE("the bytes of a step are those of its messages") {
  // States of 3 f32 a sample, outputs of 10, 21 weights, batch norm of 5 channels.
  NetworkProfile profile{.steps = 4, .batch = 2, .output_bytes = 4 * 2 * 10 * 4};
  profile.stages = {{.chained = true, .state_bytes = 2 * 3 * 4}, {.gradients = {20, 1}}};
  Plan plan{.mesh = {.data = 2, .time = 2}, .steps = 5, .batch = 3, .link = wire};
  const auto expected = [](std::int64_t samples, std::int64_t own_steps, std::int64_t own_weights) {
    return samples * 12 + own_steps * samples * 40 + (21 - own_weights + 3 * own_weights) * 4;
  };
  const auto sent = [&] { return predict(profile, plan).bytes_sent; };
  using Bytes = std::vector<std::int64_t>;
  CHECK(sent() ==
        Bytes{expected(2, 3, 5), expected(2, 2, 5), expected(1, 3, 5), expected(1, 2, 6)});
  // 10 sums forward and 6 backward over all, of which ranks add up 2, 3, 2, 3 and 1, 2, 1, 2.
  profile.stages[0].norm = {.forward = 10, .backward = 6, .over_time = true};
  const auto sums = [](std::int64_t own) { return (16 + 2 * own) * 8; };
  CHECK(sent() == Bytes{expected(2, 3, 5) + sums(3), expected(2, 2, 5) + sums(5),
                        expected(1, 3, 5) + sums(3), expected(1, 2, 6) + sums(5)});
  // 4 sums a step among two ranks with the same steps, and 10 numbers a step for all times.
  profile.stages[0].norm = {.forward = 16, .gathered = 40};
  const auto step_sums = [](std::int64_t steps) { return (4 + 10) * steps * 8; };
  CHECK(sent() == Bytes{expected(2, 3, 5) + step_sums(3), expected(2, 2, 5) + step_sums(2),
                        expected(1, 3, 5) + step_sums(3), expected(1, 2, 6) + step_sums(2)});
  profile.stages[0].norm = {};
  plan = {.mesh = {.time = 3}, .steps = 3, .batch = 2, .link = wire};
  const std::int64_t reduced = (21 - 7 + 2 * 7) * 4, gathered = 2 * 2 * 40;
  CHECK(sent() == Bytes{24 + reduced + gathered, 48 + reduced + gathered, 24 + reduced + gathered});
}

TEST_CASE("memory falls with the steps and samples of a rank, weights stay") {
  NetworkProfile profile{.steps = 8, .batch = 4, .optimizer_bytes = 100};
  profile.stages = {{.static_input = true, .saved_bytes = 400, .weight_bytes = 50},
                    {.chained = true, .static_input = true, .saved_bytes = 800}};
  Plan plan{.steps = 8, .batch = 4, .link = wire};
  CHECK(predict(profile, plan).memory_bytes == 200 + 400 + 800);
  plan.mesh = {.data = 2, .time = 4};
  CHECK(predict(profile, plan).memory_bytes == 200 + 400 / 2 + 800 / 8);
}

TEST_CASE("the timeline has no rank do two things at once and is as busy as the step says") {
  std::mt19937 random(4);
  const Plan plan{
      .mesh = {.time = 4}, .steps = steps, .batch = batch, .state_pieces = 3, .link = wire};
  const Prediction got = predict(network(random_pairs(random), 16), plan);
  std::vector<double> free(4, 0);
  double busy = 0;
  for (const Span& span : got.timeline) {
    double& last = free[static_cast<std::size_t>(span.rank)];
    CHECK(span.start >= last - 1e-12);
    last = span.end;
    busy += span.end - span.start;
  }
  CHECK(got.waiting == Approx(1 - busy / (4 * got.step)));
  CHECK(*std::max_element(free.begin(), free.end()) == Approx(got.step));
}

TEST_CASE("plans that cannot be are refused") {
  const NetworkProfile profile = network({{1, 1, 16}});
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(predict({}, {}), code, "[predict] the profile is empty.");
  CHECK_ERROR(predict(profile, {.mesh = {.time = 0}}), code, "must be >= 1; got 0 and 1");
  CHECK_ERROR(predict(profile, {.state_pieces = -1}), code, "of a state must be >= 0; got -1");
  CHECK_ERROR(predict(profile, {.mesh = {.time = 8}, .steps = 7, .batch = 8}), code,
              "8 time shards need at least as many time steps; got 7.");
  CHECK_ERROR(predict(profile, {.mesh = {.data = 4}, .steps = 7, .batch = 3}), code,
              "4 data shards need at least as many samples in a batch; got 3.");
  CHECK_ERROR(predict(profile, {.link = {.latency = -1}}), code, "latency must be >= 0 s");
}
