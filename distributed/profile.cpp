#include "ranvier/distributed/profile.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_set>
#include <utility>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/distributed/time_relay.h"
#include "ranvier/layers/shard_context.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

/// Seconds since it was last asked, of work that `device` has finished.
class Stopwatch {
 public:
  explicit Stopwatch(Device device) : device_(device) { lap(); }

  double lap() {
    synchronize(device_);
    const auto now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Device device_;
  Clock::time_point last_;
};

/// A middle rank's neighbours, who are not there: a state is what this rank sent in its place in
/// an earlier pass, a gradient is zero.
class PretendedRelay final : public StateRelay {
 public:
  /// `pieces` as `ShardOptions::state_pieces`.
  PretendedRelay(int ranks, std::int64_t pieces) : ranks_(ranks), pieces_(pieces) {}
  void set_steps(std::int64_t steps) { steps_ = steps; }

  bool has_before() const override { return ranks_ > 1; }
  bool has_after() const override { return true; }
  std::int64_t pieces(std::int64_t bytes) override {
    in_pieces_ = true;
    return pieces_ > 0 && ranks_ > 1 ? pieces_ : state_pieces(bytes, steps_, ranks_);
  }
  Tensor receive_state(const Shape& shape, const TensorOptions& options) override {
    const std::size_t place = received_++;
    const bool left = place < left_.size() && left_[place].shape() == shape;
    return left ? left_[place] : zeros(shape, options);
  }
  void send_gradient(const Tensor&) override {}
  bool must_wait() override { return true; }
  void send_state(const Tensor& piece) override {
    sent_.push_back(piece.detach());
    bytes_ += piece.nbytes();
  }
  Tensor receive_gradient(const Shape& shape, const TensorOptions& options) override {
    if (!zeros_.defined() || zeros_.numel() < shape.numel() || zeros_.dtype() != options.dtype)
      zeros_ = zeros({shape.numel()}, options);
    return reshape(slice(zeros_, 0, 0, shape.numel()), shape);
  }

  /// A pass begins.
  void begin() {
    sent_.clear();
    received_ = 0;
  }
  /// What the last pass sent is received by all to come, so that they are alike.
  void leave() { left_ = std::exchange(sent_, {}); }

  /// Sent since the last call.
  std::int64_t take_bytes() { return std::exchange(bytes_, 0); }
  /// Whether scans since the last call wanted their states in pieces.
  bool take_in_pieces() { return std::exchange(in_pieces_, false); }

 private:
  void expect_backward(const Tensor&) override {}

  const int ranks_;
  const std::int64_t pieces_;
  std::int64_t steps_ = 1;
  std::vector<Tensor> left_, sent_;
  std::size_t received_ = 0;
  std::int64_t bytes_ = 0;
  bool in_pieces_ = false;
  Tensor zeros_;  // as many as were asked for at once
};

/// Ranks that share the samples of a static input with this one, and are not there: as if they had
/// made what it made.
class PretendedSamples final : public SampleSharing {
 public:
  PretendedSamples(int ranks, StaticLayers how) : ranks_(ranks), how_(how) {}

  bool wanted(const StaticWork& work) const override { return shares_samples(how_, work, ranks_); }
  Slice own(std::int64_t samples) const override { return Slice::of(samples, 0, ranks_); }
  Tensor gather(const Tensor& part, std::int64_t samples) override {
    std::vector<Tensor> all{part};
    for (int rank = 1; rank < ranks_; ++rank)
      all.push_back(slice(part.detach(), 0, 0, Slice::of(samples, rank, ranks_).length()));
    const Tensor whole = concat(all, 0);
    bytes_ += whole.nbytes();
    return whole;
  }

  /// Gathered since the last call.
  std::int64_t take_bytes() { return std::exchange(bytes_, 0); }

 private:
  const int ranks_;
  const StaticLayers how_;
  std::int64_t bytes_ = 0;
};

/// What batch norm exchanged since it was last asked, in numbers.
struct Exchanged {
  std::int64_t added = 0, gathered = 0;
  bool over_time = false;
};

/// Ranks that share statistics with this one, and are not there: as if they had the same values.
class PretendedRanks final : public BatchNormRanks {
 public:
  enum class Share { images, sequences, steps };
  PretendedRanks(int count, Share share, Exchanged& exchanged)
      : count_(count), share_(share), exchanged_(exchanged) {}

  int count() const override { return count_; }
  std::int64_t values_of_all(std::int64_t own) const override { return own * count_; }
  void add_up(Tensor& values) override {
    copy_into(values, mul(values, static_cast<double>(count_)));
    exchanged_.added += values.numel();
    exchanged_.over_time = share_ == Share::sequences;
  }
  void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
                    double momentum) override {
    if (share_ == Share::steps)
      exchanged_.gathered += statistics.mean.numel() + statistics.variance.numel();
    else
      ranvier::move_running(running, statistics, momentum);
  }

 private:
  int count_;
  Share share_;
  Exchanged& exchanged_;
};

/// Puts back, when it ends, what running a network in training changes.
class Restore {
 public:
  explicit Restore(Sequential& network) : network_(network), generator_(default_generator()) {
    for (auto& [name, tensor] : parameters(network)) {
      gradients_.push_back({tensor, tensor.grad()});
      tensor.set_grad({});
    }
    for (auto& [name, tensor] : state_dict(network))
      if (!tensor.requires_grad()) buffers_.push_back({tensor, clone(tensor)});
  }
  ~Restore() {
    network_.observe_groups({});
    for (auto& [tensor, gradient] : gradients_) tensor.set_grad(gradient);
    for (auto& [tensor, values] : buffers_) copy_into(tensor, values);
    default_generator() = generator_;
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  struct Kept {
    Tensor tensor, values;
  };
  Sequential& network_;
  std::vector<Kept> gradients_, buffers_;
  Generator generator_;
};

/// One training step, timed.
struct TimedStep {
  std::vector<double> forward, backward;  // by stage
  double loss = 0, rest = 0;
};

class Profiler {
 public:
  Profiler(Sequential& network, const Tensor& input, const ProfileOptions& options)
      : network_(network),
        input_(input),
        options_(options),
        restore_(network),
        relay_(options.mesh.time, options.state_pieces),
        static_samples_(options.mesh.time, options.static_layers) {
    const std::int64_t shown = network.shown_steps();
    const int time = options.mesh.time;
    context_.steps =
        shown > 0 ? Slice::of(shown, 0, time) : Slice{0, input.size(0), input.size(0) * time};
    relay_.set_steps(context_.steps.length());
    const std::int64_t batch = input.size(shown > 0 ? 0 : 1);
    context_.samples = {0, batch, batch * options.mesh.data};
    context_.relay = &relay_;
    context_.static_samples = &static_samples_;
    using Share = PretendedRanks::Share;
    const auto ranks = [&](int count, Share share) {
      return std::make_shared<PretendedRanks>(count, share, exchanged_);
    };
    if (options.mesh.data > 1) context_.statistics.images = ranks(options.mesh.data, Share::images);
    if (options.mesh.ranks() > 1) {
      context_.statistics.sequences = ranks(options.mesh.ranks(), Share::sequences);
      context_.statistics.steps = ranks(options.mesh.data, Share::steps);
    }
    for (const auto& [name, tensor] : parameters(network)) learned_.insert(&tensor.impl());
  }

  NetworkProfile run() {
    const ShardContextGuard part(context_);
    const std::vector<double> repaired = repaired_shares();
    step();  // warms up
    relay_.leave();
    std::vector<TimedStep> steps;
    for (int i = 0; i < options_.runs; ++i) steps.push_back(step());
    const auto median = [&](auto&& value) {
      std::vector<double> values;
      for (const TimedStep& timed : steps) values.push_back(value(timed));
      std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
      return values[values.size() / 2];
    };
    for (std::size_t i = 0; i < profile_.stages.size(); ++i) {
      profile_.stages[i].forward = median([&](const TimedStep& timed) { return timed.forward[i]; });
      profile_.stages[i].backward =
          median([&](const TimedStep& timed) { return timed.backward[i]; });
      profile_.stages[i].repaired = repaired[i];
    }
    profile_.loss = median([](const TimedStep& timed) { return timed.loss; });
    profile_.rest = median([](const TimedStep& timed) { return timed.rest; });
    return std::move(profile_);
  }

 private:
  // By stage, the share of its scan that is repaired if it begins from a guess; 1: it waits.
  std::vector<double> repaired_shares() {
    const NoGradGuard no_grad;
    Speculation counts;
    ShardContext context = context_;
    context.speculation = &counts;
    const ShardContextGuard part(context);
    std::vector<double> shares;
    network_.observe_groups({});
    relay_.begin();
    network_(input_);
    relay_.leave();
    counts = {};
    relay_.begin();
    network_.observe_groups([&](const GroupObservation&) {
      const Speculation seen = std::exchange(counts, {});
      shares.push_back(seen.scanned == 0 ? 1
                                         : static_cast<double>(seen.repaired) /
                                               static_cast<double>(seen.scanned));
    });
    network_(input_);
    relay_.take_bytes();
    relay_.take_in_pieces();
    static_samples_.take_bytes();
    exchanged_ = {};
    return shares;
  }

  TimedStep step() {
    TimedStep timed;
    relay_.begin();
    profile_.stages.clear();
    zero_grad(parameters(network_));
    std::vector<std::uint64_t> ends;  // by stage: the first node that is not its own
    Stopwatch watch(input_.device());
    std::int64_t saved = saved_bytes();
    network_.observe_groups([&](const GroupObservation& group) {
      timed.forward.push_back(watch.lap());
      profile_.stages.push_back(stage(group));
      profile_.stages.back().saved_bytes = saved_bytes() - saved;
      saved = saved_bytes();
      ends.push_back(next_node_sequence());
      watch.lap();
    });
    const Tensor output = network_(input_);
    const Tensor loss = options_.loss(at_all_steps(output));
    timed.loss = watch.lap();
    backward(loss, ends, timed, watch);
    timed.rest = watch.lap();
    profile_.steps = output.size(0);
    profile_.batch = output.size(1);
    profile_.all_steps = context_.steps.total;
    profile_.output_bytes = output.nbytes();
    return timed;
  }

  void backward(const Tensor& loss, const std::vector<std::uint64_t>& ends, TimedStep& timed,
                Stopwatch& watch) {
    timed.backward.resize(ends.size());
    std::size_t current = ends.size();  // the last node's stage; behind all stages: the loss
    const auto after_node = [&](const Node& node) {
      const auto end = std::upper_bound(ends.begin(), ends.end(), node.sequence());
      current = static_cast<std::size_t>(end - ends.begin());
      (current == ends.size() ? timed.loss : timed.backward[current]) += watch.lap();
      const Exchanged seen = std::exchange(exchanged_, {});
      if (current < ends.size()) profile_.stages[current].norm.backward += seen.added;
    };
    const auto on_gradient = [&](const Tensor& leaf) {
      if (current < ends.size() && learned_.contains(&leaf.impl()))
        profile_.stages[current].gradients.push_back(leaf.numel());
    };
    loss.backward({.after_node = after_node, .on_gradient = on_gradient});
  }

  // The output with those of the other ranks, which are silent.
  Tensor at_all_steps(const Tensor& output) const {
    const std::int64_t others = context_.steps.total - output.size(0);
    if (others == 0) return output;
    const TensorOptions options{.dtype = output.dtype(), .device = output.device()};
    return concat({output, zeros(output.shape().with(0, others), options)}, 0);
  }

  StageProfile stage(const GroupObservation& group) {
    const std::size_t last = group.first + group.count - 1;
    const Exchanged seen = std::exchange(exchanged_, {});
    StageProfile stage{
        .name = group.count == 1 ? network_.name(last)
                                 : network_.name(group.first) + "-" + network_.name(last),
        .static_input = input_is_static(),
        .in_pieces = relay_.take_in_pieces(),
        .state_bytes = relay_.take_bytes(),
        .shared_bytes = static_samples_.take_bytes(),
        .norm = {.forward = seen.added, .gathered = seen.gathered, .over_time = seen.over_time}};
    stage.chained = stage.state_bytes > 0;
    for (std::size_t i = group.first; i <= last; ++i) {
      AnyModule& module = network_.module(i);
      if (i > group.first) stage.kind += ' ';
      stage.kind += module.kind();
      for (const auto& [name, tensor] : parameters(module)) stage.weight_bytes += tensor.nbytes();
    }
    return stage;
  }

  Sequential& network_;
  const Tensor& input_;
  const ProfileOptions& options_;
  Restore restore_;
  PretendedRelay relay_;
  PretendedSamples static_samples_;
  Exchanged exchanged_;
  ShardContext context_;
  std::unordered_set<const detail::TensorImpl*> learned_;
  NetworkProfile profile_;
};

}  // namespace

NetworkProfile profile_network(Sequential& network, const Tensor& input,
                               const ProfileOptions& options) {
  RV_CHECK(options.loss != nullptr, "[profile_network] needs a loss.");
  RV_CHECK(options.runs >= 1, "[profile_network] runs must be >= 1; got {}.", options.runs);
  RV_CHECK(options.mesh.data >= 1 && options.mesh.time >= 1,
           "[profile_network] data and time shards must be >= 1; got {} x {}.", options.mesh.data,
           options.mesh.time);
  const int batch_axis = network.shown_steps() > 0 ? 0 : 1;
  RV_CHECK(input.rank() > batch_axis, "[profile_network] input must be {}; its shape is {}.",
           batch_axis == 0 ? "[B, ...]" : "[T, B, ...]", input.shape());
  return Profiler(network, input, options).run();
}

NetworkProfile at_steps(const NetworkProfile& few, const NetworkProfile& many, std::int64_t steps) {
  RV_CHECK(few.steps < many.steps && steps >= 1 && few.batch == many.batch &&
               few.stages.size() == many.stages.size(),
           "[at_steps] needs profiles of one network and batch with few and with many steps; got "
           "{} and {} steps, {} and {} samples.",
           few.steps, many.steps, few.batch, many.batch);
  const double back =  // from `many`, in lengths of what was measured
      static_cast<double>(many.steps - steps) / static_cast<double>(many.steps - few.steps);
  const auto seconds = [&](double low, double high) {
    const double line = high - std::max(0.0, high - low) * back;
    const double proportional = low * static_cast<double>(steps) / static_cast<double>(few.steps);
    return steps < few.steps ? std::max(line, proportional) : line;
  };
  const auto number = [&](std::int64_t low, std::int64_t high) {
    return low + (high - low) * (steps - few.steps) / (many.steps - few.steps);
  };
  NetworkProfile profile = many;
  profile.steps = steps;
  profile.all_steps = number(few.all_steps, many.all_steps);
  for (std::size_t i = 0; i < profile.stages.size(); ++i) {
    const StageProfile &low = few.stages[i], &high = many.stages[i];
    StageProfile& stage = profile.stages[i];
    stage.forward = seconds(low.forward, high.forward);
    stage.backward = seconds(low.backward, high.backward);
    // How many steps are repaired hardly depends on how many there are, unless it is all of them.
    if (high.repaired < 1)
      stage.repaired = std::min(
          1.0, high.repaired * static_cast<double>(many.steps) / static_cast<double>(steps));
    stage.saved_bytes = number(low.saved_bytes, high.saved_bytes);
    stage.norm.forward = number(low.norm.forward, high.norm.forward);
    stage.norm.backward = number(low.norm.backward, high.norm.backward);
    stage.norm.gathered = number(low.norm.gathered, high.norm.gathered);
  }
  profile.loss = seconds(few.loss, many.loss);
  profile.output_bytes = number(few.output_bytes, many.output_bytes);
  return profile;
}

}  // namespace ranvier
