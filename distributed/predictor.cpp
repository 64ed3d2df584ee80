#include "ranvier/distributed/predictor.h"

#include <algorithm>
#include <numeric>

#include "ranvier/core/error.h"

namespace ranvier {
namespace {

constexpr std::int64_t weight_item = 4;  // bytes of a weight's gradient
constexpr std::int64_t norm_item = 8;    // bytes of a sum over a channel

/// How much of `total` falls to part `index` of `parts`, the larger ones first.
std::int64_t share(std::int64_t total, int index, int parts) {
  return total / parts + (index < total % parts ? 1 : 0);
}

void check(const NetworkProfile& profile, const Plan& plan) {
  RV_CHECK(profile.steps >= 1 && profile.batch >= 1 && !profile.stages.empty(),
           "[predict] the profile is empty.");
  RV_CHECK(plan.time_shards >= 1 && plan.data_shards >= 1 && plan.chunks >= 1,
           "[predict] time shards, data shards and chunks must be >= 1; got {}, {} and {}.",
           plan.time_shards, plan.data_shards, plan.chunks);
  RV_CHECK(plan.steps >= plan.time_shards,
           "[predict] {} time shards need at least as many time steps; got {}.", plan.time_shards,
           plan.steps);
  RV_CHECK(plan.batch >= plan.data_shards,
           "[predict] {} data shards need at least as many samples in a batch; got {}.",
           plan.data_shards, plan.batch);
  RV_CHECK(plan.link.latency >= 0 && plan.link.bandwidth > 0,
           "[predict] a link's latency must be >= 0 s and its bandwidth > 0 B/s; got {} and {}.",
           plan.link.latency, plan.link.bandwidth);
}

/// The ranks of one time row on their way through a step (max-plus: everything starts as soon as
/// all that it needs is there).
class Row {
 public:
  Row(const NetworkProfile& profile, const Plan& plan, std::int64_t batch)
      : profile_(profile), plan_(plan), batch_share_(ratio(batch, profile.batch)) {
    for (int rank = 0; rank < plan.time_shards; ++rank)
      time_share_.push_back(ratio(share(plan.steps, rank, plan.time_shards), profile.steps));
    now_.resize(time_share_.size());
  }

  Prediction run() {
    const int stages = static_cast<int>(profile_.stages.size());
    link_free_.assign(now_.size(), 0);
    for (int i = 0; i < stages; ++i) pass(i, Span::Kind::forward);
    Prediction result;
    gather_output();
    result.forward = latest();
    const double loss = profile_.loss * batch_share_ * ratio(plan_.steps, profile_.steps);
    all_busy(Span::Kind::loss, loss);
    link_free_.assign(now_.size(), 0);
    double reduced = 0;
    for (int i = stages; i-- > 0;) {
      pass(i, Span::Kind::backward);
      const std::int64_t bytes = profile_.stages[static_cast<std::size_t>(i)].weight_bytes;
      if (bytes > 0) reduced = std::max(reduced, latest()) + all_reduce(bytes, plan_.ranks());
    }
    result.exposed_reduction = std::max(0.0, reduced - latest());
    if (plan_.ranks() > 1) meet(result.exposed_reduction);
    all_busy(Span::Kind::update, profile_.update + profile_.rest);
    result.step = latest();
    const double time = result.step * static_cast<double>(now_.size());
    result.waiting = time > 0 ? std::max(0.0, 1 - busy_ / time) : 0;
    result.timeline = std::move(timeline_);
    return result;
  }

 private:
  static double ratio(std::int64_t a, std::int64_t b) {
    return static_cast<double>(a) / static_cast<double>(b);
  }
  double latest() const { return *std::max_element(now_.begin(), now_.end()); }

  // One stage on all ranks, in the order in which states are handed on.
  void pass(int index, Span::Kind kind) {
    const StageProfile& stage = profile_.stages[static_cast<std::size_t>(index)];
    const bool backward = kind == Span::Kind::backward;
    const double seconds = (backward ? stage.backward : stage.forward) * batch_share_;
    synchronise_norm(stage);
    const int ranks = plan_.time_shards, chunks = stage.chained ? plan_.chunks : 1;
    const double transfer =
        plan_.link.transfer(static_cast<double>(stage.state_bytes) * batch_share_) / chunks;
    std::vector<double> arrived(static_cast<std::size_t>(chunks), 0);  // at the rank in turn
    for (int place = 0; place < ranks; ++place) {
      const int rank = backward ? ranks - 1 - place : place;
      const auto r = static_cast<std::size_t>(rank);
      const double part = seconds * (stage.in_time() ? time_share_[r] : 1) / chunks;
      for (double& arrival : arrived) {
        compute({.rank = rank, .stage = index, .kind = kind}, arrival, part);
        link_free_[r] = std::max(link_free_[r], now_[r]) + transfer;
        arrival = stage.chained ? link_free_[r] + plan_.link.latency : 0;
      }
    }
  }

  // `span` begins once its rank is free and `ready` has come.
  void compute(Span span, double ready, double seconds) {
    double& now = now_[static_cast<std::size_t>(span.rank)];
    span.start = std::max(now, ready);
    span.end = now = span.start + seconds;
    busy_ += seconds;
    if (seconds > 0) timeline_.push_back(span);
  }

  void all_busy(Span::Kind kind, double seconds) {
    for (int rank = 0; rank < plan_.time_shards; ++rank)
      compute({.rank = rank, .stage = -1, .kind = kind}, 0, seconds);
  }

  // All ranks wait for the last one and then for `seconds`.
  void meet(double seconds) { std::fill(now_.begin(), now_.end(), latest() + seconds); }

  // Of a static input, all ranks of a time row work out the same statistics.
  void synchronise_norm(const StageProfile& stage) {
    const int members = stage.static_input ? plan_.data_shards : plan_.ranks();
    if (!plan_.sync_norm || stage.norm_channels == 0 || members == 1) return;
    const double seconds = all_reduce(2 * stage.norm_channels * norm_item, members);
    if (!stage.static_input) return meet(seconds);
    for (double& now : now_) now += seconds;
  }

  void gather_output() {
    if (plan_.time_shards == 1) return;
    const double whole = static_cast<double>(profile_.output_bytes) * batch_share_ *
                         ratio(plan_.steps, profile_.steps);
    const double others = 1 - 1.0 / plan_.time_shards;
    meet(plan_.link.latency + plan_.link.transfer(whole * others));
  }

  // Scatter and gather, each one round of messages.
  double all_reduce(std::int64_t bytes, int members) const {
    if (members == 1) return 0;
    const double sent = 2.0 * (members - 1) / members * static_cast<double>(bytes);
    return 2 * plan_.link.latency + plan_.link.transfer(sent);
  }

  const NetworkProfile& profile_;
  const Plan& plan_;
  double batch_share_;
  std::vector<double> time_share_;  // by rank
  std::vector<double> now_;         // by rank: when it is free
  std::vector<double> link_free_;   // by rank: when its link to the next one is
  double busy_ = 0;
  std::vector<Span> timeline_;
};

std::int64_t state_bytes(const NetworkProfile& profile, std::int64_t batch) {
  std::int64_t bytes = 0;
  for (const StageProfile& stage : profile.stages) bytes += stage.state_bytes;
  return bytes / profile.batch * batch;
}

std::int64_t norm_bytes(const NetworkProfile& profile, const Plan& plan, int time, int data) {
  if (!plan.sync_norm) return 0;
  std::int64_t bytes = 0;
  for (const StageProfile& stage : profile.stages) {
    const int index = stage.static_input ? data : data * plan.time_shards + time;
    const int members = stage.static_input ? plan.data_shards : plan.ranks();
    bytes += 2 * all_reduce_bytes(members, index, 2 * stage.norm_channels, norm_item);
  }
  return bytes;
}

std::int64_t bytes_sent(const NetworkProfile& profile, const Plan& plan, int time, int data) {
  const int neighbours = (time > 0 ? 1 : 0) + (time + 1 < plan.time_shards ? 1 : 0);
  const std::int64_t batch = share(plan.batch, data, plan.data_shards);
  const std::int64_t output = profile.output_bytes / (profile.steps * profile.batch) * batch *
                              share(plan.steps, time, plan.time_shards);
  return neighbours * state_bytes(profile, batch) + (plan.time_shards - 1) * output +
         norm_bytes(profile, plan, time, data) +
         all_reduce_bytes(plan.ranks(), data * plan.time_shards + time,
                          profile.weight_bytes() / weight_item, weight_item);
}

std::int64_t memory(const NetworkProfile& profile, std::int64_t steps, std::int64_t batch) {
  double saved = 0;
  for (const StageProfile& stage : profile.stages)
    saved +=
        static_cast<double>(stage.saved_bytes) *
        (stage.in_time() ? static_cast<double>(steps) / static_cast<double>(profile.steps) : 1);
  saved *= static_cast<double>(batch) / static_cast<double>(profile.batch);
  return 2 * profile.weight_bytes() + profile.optimizer_bytes + static_cast<std::int64_t>(saved);
}

}  // namespace

std::int64_t NetworkProfile::weight_bytes() const {
  return std::accumulate(
      stages.begin(), stages.end(), std::int64_t{0},
      [](std::int64_t sum, const StageProfile& stage) { return sum + stage.weight_bytes; });
}

std::int64_t all_reduce_bytes(int size, int index, std::int64_t count, std::int64_t item_bytes) {
  // The others' parts to those who add them up, then the own sum to all others.
  const std::int64_t own = share(count, index, size);
  return (count - own + (size - 1) * own) * item_bytes;
}

Prediction predict(const NetworkProfile& profile, const Plan& plan) {
  check(profile, plan);
  const auto most = [](std::int64_t total, int parts) { return (total + parts - 1) / parts; };
  const std::int64_t batch = most(plan.batch, plan.data_shards);
  Prediction result = Row(profile, plan, batch).run();
  for (int data = 0; data < plan.data_shards; ++data)
    for (int time = 0; time < plan.time_shards; ++time)
      result.bytes_sent.push_back(bytes_sent(profile, plan, time, data));
  result.memory_bytes = memory(profile, most(plan.steps, plan.time_shards), batch);
  return result;
}

}  // namespace ranvier
