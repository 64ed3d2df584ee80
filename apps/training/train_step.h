// One step of learning from a batch, on the CPU or on a CUDA device.
#pragma once

#include <memory>
#include <optional>

#include "apps/tasks/task.h"
#include "apps/tasks/train_options.h"
#include "apps/training/ranks.h"
#include "apps/training/run_state.h"
#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/graph_random.h"
#include "ranvier/distributed/sharded_network.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {

/// Teaches a task's network, batch by batch: forward, loss, backward, optimizer, and what it
/// achieved.
///
/// On a CUDA device nothing is waited for until `collect`. With `--graph on` the second step is
/// recorded, and from then on a step is one launch, which gathers its batch itself or goes after a
/// copy of it; recordings are padded to the most steps one can have. Where a step cannot be
/// recorded, they go on one operation at a time and a line says why.
class TrainStep {
 public:
  /// The network is on the device that `options` name.
  TrainStep(Task& task, const TrainOptions& options, const Ranks& ranks, Optimizer& optimizer);

  /// Learns from `batch`, this rank's part of one, at the optimizer's learning rate. On the CPU an
  /// error of code non_finite tells of a loss or gradient that is NaN or infinite; the weights are
  /// as they were.
  void run(const TrainingBatch& batch);
  /// The network's output at all steps for any samples that the time row has in common, of which
  /// `inputs` are this rank's steps. Of a network in evaluation mode. The row calls it together.
  Tensor evaluate(const Tensor& inputs);
  /// What the steps of all ranks since the last call achieved; seconds are not among it. Waits for
  /// the device. Every rank calls it at the same time.
  /// Error (non_finite): a loss was NaN or infinite, or weights are.
  Totals collect();
  /// What all ranks speculated so far. Every rank calls it at the same time.
  Speculation speculation() const;

 private:
  void run_eagerly(const TrainingBatch& batch);
  void differentiate(const TrainingBatch& batch);
  Tensor forward(const Tensor& inputs);
  void backward(const Tensor& loss, LossPart part);
  void check_weights() const;
  void add_up(const Tensor& loss, const Tensor& scores, const Tensor& labels);
  void run_recorded(const TrainingBatch& batch);
  TrainingBatch recordable(const TrainingBatch& batch) const;
  void record(const TrainingBatch& batch);

  Task& task_;
  Optimizer& optimizer_;
  const Ranks& ranks_;
  std::int64_t parts_;                       // of a batch, computed one after another
  std::int64_t part_size_;                   // of all ranks together
  std::unique_ptr<ShardedNetwork> sharded_;  // unless this rank is alone
  Device device_;
  DType compute_;
  std::int64_t most_steps_;  // of a sequence
  bool record_steps_;
  bool warm_ = false;  // a step was done for real
  std::int64_t samples_ = 0;
  Tensor totals_;           // on the device, as `add_to_totals` leaves them
  Tensor seed_;             // the gradient of a part's loss
  TrainingBatch recorded_;  // the batch that the graph reads
  std::optional<GraphRandom> random_;
  std::unique_ptr<CudaGraph> graph_;
};

}  // namespace ranvier::apps
