#include "ranvier/distributed/sharded_network.h"

#include <unordered_set>
#include <utility>

#include "ranvier/core/tape.h"

namespace ranvier {

/// Statistics over all values that the ranks of a group have.
class ShardedNetwork::GroupStatistics : public BatchNormRanks {
 public:
  explicit GroupStatistics(const Group& group) : group_(group) {}

  /// Of the values of all ranks this one has `own` in `all`.
  void share(std::int64_t own, std::int64_t all) {
    own_ = own;
    all_ = all;
  }
  int count() const override { return group_.size(); }
  std::int64_t values_of_all(std::int64_t own) const override { return own / own_ * all_; }
  void add_up(Tensor& values) override { all_reduce(group_, values); }

 private:
  Group group_;
  std::int64_t own_ = 1, all_ = 1;
};

/// Statistics of each step, which ranks of a data column take together. Those of all steps move the
/// running statistics once they are known everywhere, in the order of time.
class ShardedNetwork::StepStatistics final : public GroupStatistics {
 public:
  explicit StepStatistics(const Mesh& mesh) : GroupStatistics(mesh.data_column()), mesh_(mesh) {}

  void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
                    double momentum) override {
    waiting_.push_back({running, statistics, momentum});
  }

  void forget() { waiting_.clear(); }

  void finish(std::int64_t steps) {
    for (const Move& move : std::exchange(waiting_, {}))
      ranvier::move_running(
          move.running,
          {gather_steps(mesh_.time_row(), move.statistics.mean, steps),
           gather_steps(mesh_.time_row(), move.statistics.variance, steps), move.statistics.count},
          move.momentum);
  }

 private:
  struct Move {
    RunningStatistics running;
    BatchStatistics statistics;
    double momentum;
  };
  const Mesh& mesh_;
  std::vector<Move> waiting_;
};

ShardedNetwork::ShardedNetwork(Sequential& network, const Mesh& mesh, ShardOptions options)
    : network_(network),
      mesh_(mesh),
      options_(options),
      relay_(mesh.time_row(), options.state_pieces),
      static_samples_(mesh.time_row(), relay_, options.static_layers),
      step_statistics_(std::make_shared<StepStatistics>(mesh)) {
  RV_CHECK(options.state_pieces >= 0, "[shard] state_pieces must be >= 0; got {}.",
           options.state_pieces);
  const auto among = [](const Group& group) {
    return group.size() > 1 ? std::make_shared<GroupStatistics>(group) : nullptr;
  };
  image_statistics_ = among(mesh.data_column());
  sequence_statistics_ = among(mesh.all());
}

ShardedNetwork::~ShardedNetwork() = default;

Slice ShardedNetwork::samples(std::int64_t batch) const {
  RV_CHECK(batch >= mesh_.shape().data, "[shard] {} samples cannot be shared by {} data shards.",
           batch, mesh_.shape().data);
  return Slice::of(batch, mesh_.data_index(), mesh_.shape().data);
}

Slice ShardedNetwork::steps(std::int64_t total) const {
  RV_CHECK(total >= mesh_.shape().time, "[shard] {} steps cannot be shared by {} time shards.",
           total, mesh_.shape().time);
  return Slice::of(total, mesh_.time_index(), mesh_.shape().time);
}

Tensor ShardedNetwork::operator()(const Tensor& x, const BatchExtent& whole) {
  return run(x, whole.steps, samples(whole.samples));
}

Tensor ShardedNetwork::evaluate(const Tensor& x, std::int64_t steps) {
  const int batch_axis = network_.shown_steps() > 0 ? 0 : 1;
  const Tensor output = run(x, steps, Slice::whole(x.rank() > batch_axis ? x.size(batch_axis) : 0));
  mesh_.transport().flush();
  return output;
}

Tensor ShardedNetwork::run(const Tensor& x, std::int64_t all_steps, const Slice& samples) {
  const std::int64_t shown = network_.shown_steps();
  const int batch_axis = shown > 0 ? 0 : 1;
  RV_CHECK(x.rank() > batch_axis, "[shard] x must be {}; its shape is {}.",
           shown > 0 ? "[B, ...]" : "[T, B, ...]", x.shape());
  samples_ = samples;
  steps_ = steps(shown > 0 ? shown : all_steps);
  RV_CHECK(x.size(batch_axis) == samples_.length(),
           "[shard] x {} must have {} samples, this rank's part of {}.", x.shape(),
           samples_.length(), samples_.total);
  RV_CHECK(shown > 0 || x.size(0) == steps_.length(),
           "[shard] x {} must have {} steps, this rank's part of {}.", x.shape(), steps_.length(),
           steps_.total);
  relay_.begin(steps_);
  share_statistics();
  const ShardContextGuard part({.steps = steps_,
                                .samples = samples_,
                                .relay = &relay_,
                                .static_samples = &static_samples_,
                                .statistics = {.images = image_statistics_,
                                               .sequences = sequence_statistics_,
                                               .steps = step_statistics_},
                                .speculation = options_.speculate ? &speculation_ : nullptr});
  return gather_steps(mesh_.time_row(), network_(x), steps_.total);
}

void ShardedNetwork::share_statistics() {
  const std::int64_t own = samples_.length(), all = samples_.total;
  step_statistics_->share(own, all);
  if (image_statistics_) image_statistics_->share(own, all);
  if (sequence_statistics_) sequence_statistics_->share(own * steps_.length(), all * steps_.total);
}

void ShardedNetwork::check_gradients(const NamedTensors& learned) const {
  for (const auto& [name, tensor] : learned)
    if (tensor.grad().defined())
      fail(ErrorCode::state,
           "[shard] {} has a gradient already when a step begins, which would be added up over the "
           "ranks once more; call zero_grad before each step, and tell of a step in several parts "
           "by LossPart.",
           name);
}

void ShardedNetwork::abandon_step() {
  begins_step_ = true;
  step_statistics_->forget();
}

// Parameters are looked up in every step, as a network that was moved has others than before.
void ShardedNetwork::backward(const Tensor& loss, const LossPart& part) {
  const NamedTensors learned = parameters(network_);
  if (begins_step_) check_gradients(learned);
  begins_step_ = part.last;
  AllReduce sums(mesh_.all());
  std::unordered_set<const detail::TensorImpl*> unsummed;
  BackwardOptions options;
  if (part.last) {
    for (const auto& [name, tensor] : learned) unsummed.insert(&tensor.impl());
    options.on_gradient = [&](const Tensor& leaf) {
      if (unsummed.erase(&leaf.impl()) > 0) sums.add(leaf.grad());
    };
  }
  const double share =
      part.share * static_cast<double>(samples_.length()) / static_cast<double>(samples_.total);
  const Tensor start =
      part.seed ? part.seed(share)
                : full(loss.shape(), share, {.dtype = loss.dtype(), .device = loss.device()});
  relay_.root_of(loss).backward(start, options);
  if (!part.last) return;
  for (const auto& [name, tensor] : learned)  // earlier parts may have used more of the network
    if (tensor.grad().defined() && unsummed.erase(&tensor.impl()) > 0) sums.add(tensor.grad());
  sums.finish();
  step_statistics_->finish(steps_.total);
  mesh_.transport().flush();
}

}  // namespace ranvier
