// Recordings and transforms may be a program's own; what they leave is looked at before it is used
// as an index.
#pragma once

#include <cstdint>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/transforms/transform.h"

namespace ranvier::detail {

/// Overwrites `events` with recording `index`. Errors: those of `Recordings::read`; events that
/// are no recording of its sensor (`defect_of`), unless `Recordings::checks_events`.
void read_checked(const Recordings& recordings, std::int64_t index, Events& events);

/// Applies `transform` to the `events` of recording `index`. Error: it leaves what is no recording
/// of the sensor `after`.
void transform_checked(const EventTransform& transform, const Recordings& recordings,
                       std::int64_t index, const Sensor& after, RandomStream& random,
                       Events& events);

}  // namespace ranvier::detail
