// A step that several ranks really share, to put beside its prediction.
#pragma once

#include "apps/plan/meter.h"
#include "ranvier/distributed/mesh.h"

namespace ranvier::apps {

/// Seconds of a training step of the whole plan's steps and batch over `mesh`: the median of
/// `options.runs` after one that warms up, of the ranks together. All ranks call it and all get the
/// result. Errors: those of the network and of the transport.
double measured_step(const PlanMeterOptions& options, const Mesh& mesh, std::int64_t steps,
                     std::int64_t batch);

}  // namespace ranvier::apps
