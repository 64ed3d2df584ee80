#include "ranvier/distributed/predictor.h"

#include <algorithm>
#include <numeric>

#include "ranvier/distributed/detail/step_bytes.h"
#include "ranvier/distributed/time_relay.h"
#include "ranvier/layers/shard_context.h"

namespace ranvier {
namespace {

double ratio(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

void check(const NetworkProfile& profile, const Plan& plan) {
  const MeshShape& mesh = plan.mesh;
  RV_CHECK(profile.steps >= 1 && profile.batch >= 1 && !profile.stages.empty(),
           "[predict] the profile is empty.");
  RV_CHECK(mesh.time >= 1 && mesh.data >= 1,
           "[predict] time shards and data shards must be >= 1; got {} and {}.", mesh.time,
           mesh.data);
  RV_CHECK(plan.state_pieces >= 0, "[predict] pieces of a state must be >= 0; got {}.",
           plan.state_pieces);
  RV_CHECK(plan.steps >= mesh.time,
           "[predict] {} time shards need at least as many time steps; got {}.", mesh.time,
           plan.steps);
  RV_CHECK(plan.batch >= mesh.data,
           "[predict] {} data shards need at least as many samples in a batch; got {}.", mesh.data,
           plan.batch);
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
    for (int rank = 0; rank < plan.mesh.time; ++rank)
      time_share_.push_back(
          ratio(Slice::of(plan.steps, rank, plan.mesh.time).length(), profile.steps));
    now_.resize(time_share_.size());
  }

  Prediction run() {
    Prediction result;
    run_forward();
    result.forward = latest();
    all_busy(Span::Kind::loss,
             profile_.loss * batch_share_ * ratio(plan_.steps, profile_.all_steps));
    result.exposed_reduction = run_backward();
    all_busy(Span::Kind::update, profile_.update + profile_.rest);
    result.step = latest();
    const double time = result.step * static_cast<double>(now_.size());
    result.waiting = time > 0 ? std::max(0.0, 1 - busy_ / time) : 0;
    result.timeline = std::move(timeline_);
    return result;
  }

 private:
  double latest() const { return *std::max_element(now_.begin(), now_.end()); }

  void run_forward() {
    link_free_.assign(now_.size(), 0);
    for (std::size_t i = 0; i < profile_.stages.size(); ++i) pass(i, Span::Kind::forward);
    if (plan_.mesh.time > 1)
      gather(static_cast<double>(profile_.output_bytes) * batch_share_ * time_share_[0]);
  }

  // Returns how long the sums of gradients go on when backward is done.
  double run_backward() {
    link_free_.assign(now_.size(), 0);
    double sent = 0, summed = 0;  // when the messages of the sums so far, and these, are done
    const auto start_sum = [&](std::int64_t numbers) {
      if (plan_.mesh.ranks() == 1) return;
      const double summing = plan_.link.summing * static_cast<double>(numbers * 4);
      sent = std::max(sent, latest()) + all_reduce(numbers * 4, plan_.mesh.ranks());
      summed = sent + summing;  // which comes between the messages
      for (double& now : now_) now += summing;
    };
    detail::GradientBuckets buckets(start_sum);
    for (std::size_t i = profile_.stages.size(); i-- > 0;) {
      pass(i, Span::Kind::backward);
      for (const std::int64_t numbers : profile_.stages[i].gradients) buckets.add(numbers);
    }
    buckets.finish();
    const double exposed = std::max(0.0, summed - latest());
    if (plan_.mesh.ranks() > 1) meet(exposed);
    if (plan_.mesh.time > 1)
      for (const StageProfile& stage : profile_.stages)
        if (stage.norm.gathered > 0)
          gather(8 * static_cast<double>(stage.norm.gathered) * time_share_[0]);
    return exposed;
  }

  // One stage on all ranks, in the order in which states are handed on.
  void pass(std::size_t index, Span::Kind kind) {
    const StageProfile& stage = profile_.stages[index];
    const bool backward = kind == Span::Kind::backward;
    if (!backward) share_samples(stage);
    const bool guesses = plan_.speculate && !backward && stage.repaired < 1;
    const int ranks = plan_.mesh.time;
    const std::int64_t pieces = pieces_of(stage);
    const double sums = exchange(stage, backward ? stage.norm.backward : stage.norm.forward);
    const double part = batch_share_ / static_cast<double>(pieces);
    const double seconds = (backward ? stage.backward : stage.forward) * part;
    const double transfer = plan_.link.transfer(static_cast<double>(stage.state_bytes) * part);
    std::vector<double> arrived(static_cast<std::size_t>(pieces), 0);  // at the rank in turn
    for (int place = 0; place < ranks; ++place) {
      const int rank = backward ? ranks - 1 - place : place;
      const auto r = static_cast<std::size_t>(rank);
      const Span span{.rank = rank, .stage = static_cast<int>(index), .kind = kind};
      const double scan = seconds * (stage.in_time() ? time_share_[r] : 1);
      const bool early = guesses && arrived.front() > now_[r];
      if (early) compute(span, 0, scan);
      now_[r] = std::max(now_[r], arrived.front()) + sums;
      for (double& arrival : arrived) {
        compute(span, arrival, early ? scan * stage.repaired : scan);
        link_free_[r] = std::max(link_free_[r], now_[r]) + transfer;
        arrival = stage.chained ? link_free_[r] + plan_.link.latency : 0;
      }
    }
    if (backward) share_samples(stage);
  }

  // A stage's static input, of which each rank made some samples, or the gradient of it: every rank
  // sends its part, or the others' parts, to the others.
  void share_samples(const StageProfile& stage) {
    if (stage.shared_bytes > 0 && plan_.mesh.time > 1)
      gather(static_cast<double>(stage.shared_bytes) * batch_share_ / plan_.mesh.time);
  }

  std::int64_t pieces_of(const StageProfile& stage) const {
    // What begins early takes its state whole.
    if (!stage.in_pieces || (plan_.speculate && stage.repaired < 1)) return 1;
    if (plan_.state_pieces > 0) return plan_.state_pieces;
    const std::int64_t steps = Slice::of(plan_.steps, 0, plan_.mesh.time).length();
    return state_pieces(
        static_cast<std::int64_t>(static_cast<double>(stage.state_bytes) * batch_share_), steps,
        plan_.mesh.time);
  }

  // Batch norm's sums of `numbers`: over time, all ranks meet for them; otherwise returns how long
  // each rank waits for those with the same steps.
  double exchange(const StageProfile& stage, std::int64_t numbers) {
    if (numbers == 0) return 0;
    if (stage.norm.over_time) {
      if (plan_.mesh.ranks() > 1) meet(all_reduce(numbers * 8, plan_.mesh.ranks()));
      return 0;
    }
    return all_reduce(numbers * 8, plan_.mesh.data);
  }

  // `span` begins once its rank is free and `ready` has come.
  void compute(Span span, double ready, double seconds) {
    double& now = now_[static_cast<std::size_t>(span.rank)];
    span.start = std::max(now, ready);
    span.end = now = span.start + seconds;
    busy_ += seconds;
    if (seconds == 0) return;
    const auto goes_on = [&](const Span& last) {
      return last.rank == span.rank && last.stage == span.stage && last.kind == span.kind &&
             last.end == span.start;
    };
    if (!timeline_.empty() && goes_on(timeline_.back()))
      timeline_.back().end = span.end;
    else
      timeline_.push_back(span);
  }

  void all_busy(Span::Kind kind, double seconds) {
    for (int rank = 0; rank < plan_.mesh.time; ++rank)
      compute({.rank = rank, .stage = -1, .kind = kind}, 0, seconds);
  }

  // All ranks wait for the last one and then for `seconds`.
  void meet(double seconds) { std::fill(now_.begin(), now_.end(), latest() + seconds); }

  // Every rank of the row sends `bytes` to all others.
  void gather(double bytes) {
    meet(plan_.link.latency + plan_.link.transfer(bytes * (plan_.mesh.time - 1)));
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

std::int64_t memory(const NetworkProfile& profile, const Plan& plan) {
  const double time = ratio(Slice::of(plan.steps, 0, plan.mesh.time).length(), profile.steps);
  const double batch = ratio(Slice::of(plan.batch, 0, plan.mesh.data).length(), profile.batch);
  double saved = 0;
  for (const StageProfile& stage : profile.stages)
    saved += static_cast<double>(stage.saved_bytes) * batch * (stage.in_time() ? time : 1);
  return 2 * profile.weight_bytes() + profile.optimizer_bytes + static_cast<std::int64_t>(saved);
}

}  // namespace

std::int64_t NetworkProfile::weight_bytes() const {
  return std::accumulate(
      stages.begin(), stages.end(), std::int64_t{0},
      [](std::int64_t sum, const StageProfile& stage) { return sum + stage.weight_bytes; });
}

Prediction predict(const NetworkProfile& profile, const Plan& plan) {
  check(profile, plan);
  Prediction result = Row(profile, plan, Slice::of(plan.batch, 0, plan.mesh.data).length()).run();
  for (int data = 0; data < plan.mesh.data; ++data)
    for (int time = 0; time < plan.mesh.time; ++time)
      result.bytes_sent.push_back(detail::step_bytes(profile, plan, data, time));
  result.memory_bytes = memory(profile, plan);
  return result;
}

}  // namespace ranvier
