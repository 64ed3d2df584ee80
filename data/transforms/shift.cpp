#include "ranvier/data/transforms/shift.h"

#include "ranvier/core/error.h"
#include "ranvier/data/transforms/detail/describe.h"

namespace ranvier {

Sensor RandomShift::sensor_after(const Sensor& sensor) const {
  RV_CHECK(x >= 0 && x < sensor.width && y >= 0 && y < sensor.height,
           "[random_shift] x and y must be >= 0 and smaller than the sensor of {}; got {} and {}.",
           to_string(sensor), x, y);
  return sensor;
}

void RandomShift::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  const std::int64_t right = random.below(2 * x + 1) - x, down = random.below(2 * y + 1) - y;
  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < events.size(); ++i) {
    const auto at = static_cast<std::size_t>(i), to = static_cast<std::size_t>(kept);
    const std::int64_t column = events.x[at] + right, row = events.y[at] + down;
    if (column < 0 || column >= sensor.width || row < 0 || row >= sensor.height) continue;
    events.move_event(i, kept++);
    events.x[to] = static_cast<std::int16_t>(column);
    events.y[to] = static_cast<std::int16_t>(row);
  }
  events.resize(kept);
}

std::string RandomShift::describe() const {
  return detail::Description("RandomShift").add("x", x).add("y", y).done();
}

}  // namespace ranvier
