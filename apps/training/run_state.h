// Where a training run is, and its checkpoint.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/report/metrics.h"
#include "apps/tasks/task.h"
#include "apps/tasks/train_options.h"
#include "ranvier/data/loader.h"
#include "ranvier/distributed/agreement.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {

/// Sums over samples, from which an epoch's means follow.
struct Totals {
  double loss = 0;
  std::int64_t correct = 0;
  std::int64_t samples = 0;
  double seconds = 0;
  double data_seconds = 0;  ///< of these, spent waiting for batches

  double mean_loss() const { return loss / static_cast<double>(samples); }
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(samples); }
};

/// Where a run is: all that a checkpoint keeps beside tensors and the random generator.
struct RunState {
  LoaderCursor next;                    ///< the batch to train on next
  Totals epoch;                         ///< of the batches of this epoch so far
  std::vector<EpochMetrics> history{};  ///< finished epochs
};

/// Writes network, optimizer, random generator, event thresholds and `state`; the file that was
/// there stays valid until the new one is complete. Errors: those of `save_checkpoint`.
void save_run(const std::filesystem::path& path, Task& task, const TrainOptions& options,
              const Optimizer& optimizer, const RunState& state);

/// The event thresholds in force for `compute`, as numbers in a fixed order, and back.
std::vector<double> event_threshold_values(DType compute);
void set_event_threshold_values(DType compute, const std::vector<double>& values);

/// What a run must not change when it is resumed, and its ranks must have in common, by name.
Facts recipe_facts(const Task& task, const TrainOptions& options);

/// Puts everything back as `save_run` found it. Errors: those of `load_checkpoint`; a checkpoint
/// of another program, of another network (names tensor and both shapes), or of a run whose
/// batches or recipe these options would change (names the option and both values).
RunState load_run(const std::filesystem::path& path, Task& task, const TrainOptions& options,
                  Optimizer& optimizer);

}  // namespace ranvier::apps
