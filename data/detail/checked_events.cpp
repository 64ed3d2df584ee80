#include "ranvier/data/detail/checked_events.h"

#include <string>

#include "ranvier/core/error.h"

namespace ranvier::detail {

void read_checked(const Recordings& recordings, std::int64_t index, Events& events) {
  recordings.read(index, events);
  if (recordings.checks_events()) return;
  const std::string defect = defect_of(events, recordings.sensor());
  RV_CHECK(defect.empty(), "[{}] recording {}: {}.", recordings.name(), index, defect);
}

void transform_checked(const EventTransform& transform, const Recordings& recordings,
                       std::int64_t index, const Sensor& after, RandomStream& random,
                       Events& events) {
  if (transform.empty()) return;
  transform(events, recordings.sensor(), random);
  const std::string defect = defect_of(events, after);
  RV_CHECK(defect.empty(), "[{}] recording {} after {}: {}.", recordings.name(), index,
           transform.describe(), defect);
}

}  // namespace ranvier::detail
