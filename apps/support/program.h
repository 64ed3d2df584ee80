// What every program does around its own work.
#pragma once

#include <functional>

#include "apps/support/ranks.h"
#include "apps/support/task.h"
#include "apps/support/train_options.h"

namespace ranvier::apps {

/// Runs `body` and returns its exit status; an error is printed as one line and becomes status 1.
int run_program(const std::function<int()>& body);

/// Checks the options and sets device, threads and seed. Errors: options out of range, a device
/// that is not available.
void prepare(const TrainOptions& options);

/// Trains what `make_task` makes, alone or as one of the ranks that mpirun started. Of several
/// ranks the first alone writes to stdout and to files. Returns the exit status. Errors: those of
/// `prepare`, of the transport, of `make_task` and of `Training`.
int train(TrainOptions& options, const std::function<Task(const Ranks&)>& make_task);

}  // namespace ranvier::apps
