// Training a task as a program of one rank does.
#pragma once

#include "apps/training/ranks.h"
#include "apps/training/training.h"
#include "ranvier/distributed/self_transport.h"

namespace ranvier::test {

/// Returns the exit status.
inline int run_training(apps::Task& task, const apps::TrainOptions& options) {
  const apps::Ranks alone(open_self(), options);
  return apps::Training(task, options, alone).run();
}

}  // namespace ranvier::test
