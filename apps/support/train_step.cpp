#include "apps/support/train_step.h"

#include <spdlog/spdlog.h>

#include <cmath>

#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/optim/clip.h"

namespace ranvier::apps {
namespace {

Tensor zero_sum(Device device) { return zeros({}, {.dtype = DType::f64, .device = device}); }

/// Overwrites the tensors of `target` with those of `source`.
void copy_batch(TrainingBatch& target, const TrainingBatch& source) {
  copy_into(target.inputs, source.inputs);
  copy_into(target.labels, source.labels);
  if (source.lengths.defined()) copy_into(target.lengths, source.lengths);
}

bool same_shape(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() && (!a.defined() || a.shape() == b.shape());
}

}  // namespace

TrainStep::TrainStep(Task& task, const TrainOptions& options, Optimizer& optimizer)
    : task_(task),
      optimizer_(optimizer),
      device_(parse_device(options.device)),
      compute_(options.amp == "bf16" ? DType::bf16 : DType::f32),
      record_steps_(device_.type == DeviceType::cuda && options.graph == "on"),
      loss_sum_(zero_sum(device_)),
      correct_sum_(zero_sum(device_)) {}

void TrainStep::run(const TrainingBatch& batch) {
  samples_ += batch.size();
  ++steps_;
  if (record_steps_ && steps_ > 1) return run_recorded(batch);
  run_eagerly(batch);
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

bool TrainStep::fits_record(const TrainingBatch& batch) const {
  return same_shape(batch.inputs, recorded_.inputs) && same_shape(batch.labels, recorded_.labels) &&
         same_shape(batch.lengths, recorded_.lengths);
}

void TrainStep::run_recorded(const TrainingBatch& batch) {
  if (graph_ == nullptr || !fits_record(batch)) record(batch);
  if (graph_ == nullptr) return run_eagerly(batch);
  optimizer_.prepare_step();
  copy_batch(recorded_, batch);
  random_->advance();
  graph_->launch();
}

void TrainStep::record(const TrainingBatch& batch) {
  graph_.reset();
  const TrainingBatch moved = on_device(batch, device_);
  const auto own = [](const Tensor& tensor) { return tensor.defined() ? clone(tensor) : tensor; };
  recorded_ = {
      .inputs = own(moved.inputs), .labels = own(moved.labels), .lengths = own(moved.lengths)};
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
