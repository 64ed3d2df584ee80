// The training loop that all trainers share.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/report/metrics.h"
#include "apps/support/progress.h"
#include "apps/support/signals.h"
#include "apps/tasks/task.h"
#include "apps/tasks/train_options.h"
#include "apps/training/ranks.h"
#include "apps/training/run_state.h"
#include "apps/training/test_pass.h"
#include "apps/training/train_step.h"
#include "ranvier/data/detail/unique_fd.h"
#include "ranvier/optim/optimizer.h"
#include "ranvier/optim/schedule.h"

namespace ranvier::apps {

/// Trains a task as its options say, from the start or from a checkpoint.
class Training {
 public:
  /// Errors: options out of range, a checkpoint that does not fit, an unwritable output directory;
  /// ranks that are about to do different things.
  Training(Task& task, const TrainOptions& options, const Ranks& ranks);
  /// Returns the exit status: 0, or 130 or 143 after SIGINT or SIGTERM.
  int run();

 private:
  void resume();
  void choose_event_thresholds();
  void print_plan();
  void print_prediction();
  void print_measured();
  void print_speculation() const;
  ProgressOptions progress_options(std::int64_t already_done) const;
  bool train_epoch(const StopSignal& stop);
  void finish_epoch(const Totals& test, std::optional<MetricsLog>& metrics);
  int stopped(const StopSignal& stop);
  int exit_status(const StopSignal& stop) const;
  void save();
  bool try_save();
  void report(const Evaluation& evaluation);
  template <class Body>
  void explaining(const TrainingBatch& batch, Body body);
  [[noreturn]] void explain_non_finite(const TrainingBatch& batch, const std::string& symptom);
  std::filesystem::path checkpoint_path() const;
  std::int64_t step_number() const;

  Task& task_;
  TrainOptions options_;
  const Ranks& ranks_;
  Device device_;
  ranvier::detail::UniqueFd output_;  // keeps other runs out of the output directory
  std::unique_ptr<Feed> train_feed_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  TrainStep step_;
  TestPass test_;
  RunState state_;
  bool saved_ = false;               // the checkpoint is that of `state_`
  std::optional<double> predicted_;  // seconds of a step of several ranks, until it was measured
};

}  // namespace ranvier::apps
