// What every program does around its own work.
#pragma once

#include <functional>

#include "apps/support/train_options.h"

namespace ranvier::apps {

/// Runs `body` and returns its exit status; an error is printed as one line and becomes status 1.
int run_program(const std::function<int()>& body);

/// Checks the options and sets device, threads, seed and the reproducibility of kernel choices.
/// Errors: options out of range, a device that is not available.
void prepare(const TrainOptions& options);

}  // namespace ranvier::apps
