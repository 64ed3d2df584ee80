// A predicted step as a drawing.
#pragma once

#include <string>

#include "apps/drawing/drawing.h"
#include "ranvier/distributed/predictor.h"

namespace ranvier::apps {

/// Ranks below each other, time to the right: what each rank of a time row computes when, and when
/// it waits. Stages that need the state of a neighbour are darker; wide ones are named.
Drawing plan_timeline(const NetworkProfile& profile, const Prediction& prediction,
                      const std::string& title);

}  // namespace ranvier::apps
