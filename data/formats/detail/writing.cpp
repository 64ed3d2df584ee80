#include "ranvier/data/formats/detail/writing.h"

#include "ranvier/core/error.h"

namespace ranvier::detail {

void check_encodable(const char* writer, const Recording& recording, const EncodeLimits& limits) {
  const Sensor& sensor = recording.sensor;
  const Events& events = recording.events;
  RV_CHECK(sensor.width >= 1 && sensor.width <= limits.most_columns && sensor.height >= 1 &&
               sensor.height <= limits.most_rows,
           "[{}] the sensor must be at most {} x {}; got {} x {}.", writer, limits.most_columns,
           limits.most_rows, sensor.width, sensor.height);
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    RV_CHECK(events.x[i] >= 0 && events.x[i] < sensor.width && events.y[i] >= 0 &&
                 events.y[i] < sensor.height,
             "[{}] event {} is at ({}, {}), outside the sensor of {}.", writer, i, events.x[i],
             events.y[i], to_string(sensor));
    RV_CHECK(events.t[i] >= limits.least_time && events.t[i] <= limits.most_time,
             "[{}] event {} is at {} us; the format holds {} to {} us.", writer, i, events.t[i],
             limits.least_time, limits.most_time);
    RV_CHECK(i == 0 || events.t[i] >= events.t[i - 1],
             "[{}] events must be in the order of time; event {} is at {} us, the one before it at "
             "{} us.",
             writer, i, events.t[i], events.t[i - 1]);
  }
}

}  // namespace ranvier::detail
