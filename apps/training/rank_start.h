// What several ranks do before they train together.
#pragma once

#include "apps/tasks/task.h"
#include "apps/training/ranks.h"
#include "apps/training/run_state.h"
#include "ranvier/distributed/predictor.h"

namespace ranvier::apps {

/// Gives all ranks the event thresholds of the first, which it may have timed.
void share_event_thresholds(const Ranks& ranks);

/// Errors: ranks that differ in program, revision, options or data.
void agree_on_options(const Ranks& ranks, const Task& task, const TrainOptions& options);

/// Errors: ranks that differ in weights, or in where they are.
void agree_on_start(const Ranks& ranks, Task& task, const RunState& state);

/// How long a training step will take, from stages that each rank times on its own part while the
/// others do the same, and messages timed between two ranks. Takes a few steps.
Prediction predict_step(const Ranks& ranks, Task& task, const TrainOptions& options);

}  // namespace ranvier::apps
