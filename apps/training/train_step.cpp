#include "apps/training/train_step.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/clip.h"

namespace ranvier::apps {
namespace {

/// Below it gradients that are finite would vanish in f16.
constexpr double least_loss_scale = 0x1p-14;

/// Overwrites the first elements of `target`.
void copy_to_front(Tensor& target, const Tensor& source) {
  Tensor front(target.storage(), target.storage_offset(), source.shape(), target.dtype());
  copy_into(front, source);
}

/// Overwrites the tensors of `target` with those of `source`; sequences that are shorter are padded
/// with silence, which their lengths tell.
void copy_batch(TrainingBatch& target, const TrainingBatch& source) {
  Tensor& inputs = target.inputs;
  if (source.inputs.shape() == inputs.shape()) {
    copy_into(inputs, source.inputs);
  } else {
    fill(inputs, 0);
    copy_to_front(inputs, source.inputs);
  }
  copy_into(target.labels, source.labels);
  if (source.lengths.defined()) copy_into(target.lengths, source.lengths);
}

/// Part `index` of `count` equal parts.
TrainingBatch part_of(const TrainingBatch& batch, std::int64_t index, std::int64_t count) {
  const Slice samples = Slice::of(batch.size(), index, count);
  const auto part = [&](const Tensor& of, int axis) {
    return of.defined() ? slice(of, axis, samples.begin, samples.end) : Tensor();
  };
  return {.inputs = part(batch.inputs, batch.lengths.defined() ? 1 : 0),
          .labels = part(batch.labels, 0),
          .lengths = part(batch.lengths, 0)};
}

/// Whether `batch` can be copied into `target`.
bool fits(const TrainingBatch& batch, const TrainingBatch& target) {
  const Shape &inputs = batch.inputs.shape(), &room = target.inputs.shape();
  const bool sequences = batch.lengths.defined();
  return sequences == target.lengths.defined() && batch.labels.shape() == target.labels.shape() &&
         (inputs == room || (sequences && inputs[0] <= room[0] && inputs.with(0, room[0]) == room));
}

}  // namespace

TrainStep::TrainStep(Task& task, const TrainOptions& options, const Ranks& ranks,
                     Optimizer& optimizer)
    : task_(task),
      optimizer_(optimizer),
      ranks_(ranks),
      parts_(options.accumulate),
      part_size_(options.batch_size / options.accumulate),
      sharded_(ranks.alone()
                   ? nullptr
                   : std::make_unique<ShardedNetwork>(
                         task.network, ranks.mesh(), ShardOptions{.speculate = options.speculate})),
      device_(parse_device(options.device)),
      compute_(compute_dtype(options)),
      most_steps_(options.steps),
      record_steps_(device_.type == DeviceType::cuda && options.graph == "on"),
      totals_(zeros({2}, {.dtype = DType::f64, .device = device_})) {
  if (record_steps_ && !ranks.recordable()) {
    record_steps_ = false;
    if (ranks.leads())
      spdlog::info(
          "steps are not recorded as a graph: messages over {} cannot be; --transport nccl",
          ranks.mesh().transport().kind());
  }
}

void TrainStep::run(const TrainingBatch& batch) {
  samples_ += batch.size();
  if (record_steps_ && warm_) return run_recorded(batch);
  run_eagerly(batch);
  warm_ = true;
}

void TrainStep::run_eagerly(const TrainingBatch& batch) {
  differentiate(on_device(batch, device_));
  optimizer_.step();
}

void TrainStep::differentiate(const TrainingBatch& batch) {
  zero_grad(optimizer_.parameters());
  const AutocastGuard autocast(compute_, device_);
  for (std::int64_t i = 0; i < parts_; ++i) {
    const TrainingBatch part = parts_ == 1 ? batch : part_of(batch, i, parts_);
    const Tensor scores = task_.scores(forward(part.inputs), part.lengths);
    const Tensor loss = task_.loss(scores, part.labels);
    add_up(loss.detach(), scores.detach(), part.labels);
    backward(loss, {.last = i + 1 == parts_, .share = 1 / static_cast<double>(parts_)});
  }
  // A neuron does not fire on NaN, so a network may lose a layer without a trace in its loss; the
  // gradients show it.
  if (device_ == cpu_device) grad_norm(optimizer_.parameters());
}

Tensor TrainStep::forward(const Tensor& inputs) {
  return sharded_ ? (*sharded_)(inputs, {part_size_, most_steps_}) : task_.network(inputs);
}

Tensor TrainStep::evaluate(const Tensor& inputs) {
  const NoGradGuard no_grad;
  return sharded_ ? sharded_->evaluate(inputs, most_steps_) : task_.network(inputs);
}

void TrainStep::backward(const Tensor& loss, LossPart part) {
  if (const LossScale* const scale = optimizer_.loss_scale())
    part.seed = [scale](double share) { return scale->seed(share); };
  if (sharded_) return sharded_->backward(loss, part);
  if (part.seed) return loss.backward(part.seed(part.share));
  if (!seed_.defined())
    seed_ = full(loss.shape(), part.share, {.dtype = loss.dtype(), .device = device_});
  loss.backward(seed_);
}

void TrainStep::add_up(const Tensor& loss, const Tensor& scores, const Tensor& labels) {
  if (device_ == cpu_device && !std::isfinite(loss.item()))
    fail(ErrorCode::non_finite, "the loss became {}", loss.item());
  add_to_totals(loss, scores, labels, totals_);
}

// As above, but a device is not asked for gradients in every step. Weights keep what is not finite,
// and are the same on all ranks.
void TrainStep::check_weights() const {
  const auto zero_if_finite = [](const Tensor& values) { return sum(mul(values.detach(), 0)); };
  Tensor zero = zeros({}, {.device = device_});
  for (const auto& [name, weights] : optimizer_.parameters())
    zero = add(zero, zero_if_finite(weights));
  if (std::isfinite(zero.item())) return;
  for (const auto& [name, weights] : optimizer_.parameters())
    if (!std::isfinite(zero_if_finite(weights).item()))
      fail(ErrorCode::non_finite, "'{}' has a NaN or an infinity", name);
}

Totals TrainStep::collect() {
  const std::vector<double> own = to_vector(totals_);  // when the device has done all steps
  ranks_.check();
  Tensor sums = from_vector<double>({own[0], own[1], static_cast<double>(samples_)}, {3});
  if (sharded_) ranks_.add_up_samples(sums);
  const double* const all = sums.data<double>();
  const Totals totals{.loss = all[0],
                      .correct = static_cast<std::int64_t>(all[1]),
                      .samples = static_cast<std::int64_t>(all[2])};
  fill(totals_, 0);
  samples_ = 0;
  if (!std::isfinite(totals.loss)) fail(ErrorCode::non_finite, "the loss became {}", totals.loss);
  const LossScale* const scale = optimizer_.loss_scale();
  if (scale != nullptr && scale->factor() < least_loss_scale)
    fail(ErrorCode::non_finite, "gradients overflow f16 however small the loss is scaled");
  if (device_ != cpu_device) check_weights();
  return totals;
}

Speculation TrainStep::speculation() const {
  const Speculation own = sharded_ ? sharded_->speculation() : Speculation{};
  Tensor counts = from_vector<double>(
      {static_cast<double>(own.scanned), static_cast<double>(own.repaired)}, {2});
  all_reduce(ranks_.mesh().all(), counts);
  return {static_cast<std::int64_t>(counts.data<double>()[0]),
          static_cast<std::int64_t>(counts.data<double>()[1])};
}

// --- as a graph ----------------------------------------------------------------------------------

void TrainStep::run_recorded(const TrainingBatch& batch) {
  if (graph_ == nullptr || !(batch.gather || fits(batch, recorded_))) record(batch);
  if (graph_ == nullptr) return run_eagerly(batch);
  optimizer_.prepare_step();
  if (!batch.gather) copy_batch(recorded_, batch);
  random_->advance();
  graph_->launch();
}

/// What a recorded step reads: the batch that it gathers itself, or arrays to copy batches to.
/// Those of one rank have as many steps as their longest sequence, those of several all have the
/// same.
TrainingBatch TrainStep::recordable(const TrainingBatch& batch) const {
  if (batch.gather) return batch;
  const auto like = [&](const Tensor& tensor, const Shape& shape) {
    return zeros(shape, {.dtype = tensor.dtype(), .device = device_});
  };
  const Shape& shape = batch.inputs.shape();
  const bool sequences = batch.lengths.defined(), padded = sequences && !sharded_;
  return {
      .inputs = like(batch.inputs, padded ? shape.with(0, std::max(shape[0], most_steps_)) : shape),
      .labels = like(batch.labels, batch.labels.shape()),
      .lengths = sequences ? like(batch.lengths, batch.lengths.shape()) : Tensor()};
}

void TrainStep::record(const TrainingBatch& batch) {
  graph_.reset();
  recorded_ = recordable(batch);
  random_.emplace(device_);
  try {
    const GraphRandom::Recording recording(*random_);
    graph_ = std::make_unique<CudaGraph>(device_, [&] {
      differentiate(on_device(recorded_, device_));
      optimizer_.launch_step();
    });
  } catch (const Error& error) {
    spdlog::warn("steps are not recorded as a graph: {}", error.what());
  }
  // Messages that one rank launches and another asks for one by one would miss each other.
  record_steps_ = !ranks_.any(graph_ == nullptr);
  if (record_steps_) return;
  graph_.reset();
  if (sharded_) sharded_->abandon_step();
}

}  // namespace ranvier::apps
