// A trainer from its options to its end, alone or as one of several ranks.
#pragma once

#include <functional>

#include "apps/tasks/task.h"
#include "apps/tasks/train_options.h"
#include "apps/training/ranks.h"

namespace ranvier::apps {

/// Checks the options and sets device, threads and seed. Errors: options out of range, a device
/// that is not available.
void prepare(const TrainOptions& options);

/// Trains what `make_task` makes, alone or as one of the ranks that mpirun started. Of several
/// ranks the first alone writes to stdout and to files. Returns the exit status. Errors: those of
/// `prepare`, of the transport, of `make_task` and of `Training`.
int train(TrainOptions& options, const std::function<Task(const Ranks&)>& make_task);

}  // namespace ranvier::apps
