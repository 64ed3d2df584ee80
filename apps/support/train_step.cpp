#include "apps/support/train_step.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/optim/clip.h"

namespace ranvier::apps {
namespace {

Tensor zero_sum(Device device) { return zeros({}, {.dtype = DType::f64, .device = device}); }

/// Overwrites the tensors of `target` with those of `source`; sequences that are shorter are padded
/// with silence, which their lengths tell.
void copy_batch(TrainingBatch& target, const TrainingBatch& source) {
  Tensor& inputs = target.inputs;
  if (source.inputs.shape() == inputs.shape()) {
    copy_into(inputs, source.inputs);
  } else {
    fill(inputs, 0);
    Tensor first(inputs.storage(), inputs.storage_offset(), source.inputs.shape(), inputs.dtype());
    copy_into(first, source.inputs);
  }
  copy_into(target.labels, source.labels);
  if (source.lengths.defined()) copy_into(target.lengths, source.lengths);
}

/// Whether `batch` can be copied into `target`.
bool fits(const TrainingBatch& batch, const TrainingBatch& target) {
  const Shape &inputs = batch.inputs.shape(), &room = target.inputs.shape();
  const bool sequences = batch.lengths.defined();
  return sequences == target.lengths.defined() && batch.labels.shape() == target.labels.shape() &&
         (inputs == room || (sequences && inputs[0] <= room[0] && inputs.with(0, room[0]) == room));
}

}  // namespace

TrainStep::TrainStep(Task& task, const TrainOptions& options, Optimizer& optimizer)
    : task_(task),
      optimizer_(optimizer),
      device_(parse_device(options.device)),
      compute_(compute_dtype(options)),
      most_steps_(options.steps),
      record_steps_(device_.type == DeviceType::cuda && options.graph == "on"),
      loss_sum_(zero_sum(device_)),
      correct_sum_(zero_sum(device_)) {}

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
  {
    const AutocastGuard autocast(compute_, device_);
    const Tensor scores = task_.scores(task_.network(batch.inputs), batch.lengths);
    const Tensor loss = task_.loss(scores, batch.labels);
    add_up(scores.detach(), loss.detach(), batch);
    loss.backward();
  }
  // A neuron does not fire on NaN, so a network may lose a layer without a trace in its loss; the
  // gradients show it.
  if (device_ == cpu_device) grad_norm(optimizer_.parameters());
}

void TrainStep::add_up(const Tensor& scores, const Tensor& loss, const TrainingBatch& batch) {
  const auto samples = static_cast<double>(batch.size());
  if (device_ == cpu_device && !std::isfinite(loss.item()))
    fail(ErrorCode::non_finite, "the loss became {}", loss.item());
  loss_sum_ = accumulate(std::move(loss_sum_), mul(loss.to(DType::f64), samples));
  correct_sum_ = accumulate(std::move(correct_sum_), correct(scores, batch.labels).to(DType::f64));
}

Totals TrainStep::collect() {
  const Totals totals{.loss = loss_sum_.item(),
                      .correct = static_cast<std::int64_t>(correct_sum_.item()),
                      .samples = samples_};
  fill(loss_sum_, 0);
  fill(correct_sum_, 0);
  samples_ = 0;
  if (!std::isfinite(totals.loss)) fail(ErrorCode::non_finite, "the loss became {}", totals.loss);
  return totals;
}

// --- as a graph ----------------------------------------------------------------------------------

void TrainStep::run_recorded(const TrainingBatch& batch) {
  if (graph_ == nullptr || !fits(batch, recorded_)) record(batch);
  if (graph_ == nullptr) return run_eagerly(batch);
  optimizer_.prepare_step();
  copy_batch(recorded_, batch);
  random_->advance();
  graph_->launch();
}

void TrainStep::record(const TrainingBatch& batch) {
  graph_.reset();
  const auto like = [&](const Tensor& tensor, const Shape& shape) {
    return zeros(shape, {.dtype = tensor.dtype(), .device = device_});
  };
  const Shape& shape = batch.inputs.shape();
  const bool sequences = batch.lengths.defined();
  recorded_ = {.inputs = like(batch.inputs,
                              sequences ? shape.with(0, std::max(shape[0], most_steps_)) : shape),
               .labels = like(batch.labels, batch.labels.shape()),
               .lengths = sequences ? like(batch.lengths, batch.lengths.shape()) : Tensor()};
  random_.emplace(device_);
  try {
    const GraphRandom::Recording recording(*random_);
    graph_ = std::make_unique<CudaGraph>(device_, [&] {
      differentiate(recorded_);
      optimizer_.launch_step();
    });
  } catch (const Error& error) {
    record_steps_ = false;
    spdlog::warn("steps are not recorded as a graph: {}", error.what());
  }
}

}  // namespace ranvier::apps
