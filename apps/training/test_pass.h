// How a network does on the test set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "apps/support/progress.h"
#include "apps/support/signals.h"
#include "apps/tasks/task.h"
#include "apps/tasks/train_options.h"
#include "apps/training/ranks.h"
#include "apps/training/run_state.h"
#include "apps/training/train_step.h"

namespace ranvier::apps {

struct Evaluation {
  Totals totals{};                        ///< without seconds
  std::vector<std::int64_t> confusion{};  ///< [true class, predicted class]
};

/// Shows a task's network the whole test set, as often as it is asked to. Ranks share the samples:
/// all of them those of images, whose steps every rank can compute; of sequences those that have
/// loaded the same steps.
class TestPass {
 public:
  /// `step` knows how ranks compute the network together; all are kept by reference.
  TestPass(Task& task, const TrainOptions& options, const Ranks& ranks, TrainStep& step);

  /// What all ranks found, on each of them; nothing if one of them was told to stop. Leaves the
  /// network in evaluation mode. Every rank calls it at the same time.
  std::optional<Evaluation> run(const StopSignal& stop, const ProgressOptions& shown);

 private:
  Tensor output(const Tensor& inputs);
  void add(const TrainingBatch& batch, Evaluation& sum);
  void add_up(Evaluation& result) const;

  Task& task_;
  const Ranks& ranks_;
  TrainStep& step_;
  Device device_;
  const Group& testers_;  // who share the samples
  std::unique_ptr<Feed> feed_;
};

}  // namespace ranvier::apps
