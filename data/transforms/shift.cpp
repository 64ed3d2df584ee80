#include "ranvier/data/transforms/shift.h"

#include "ranvier/core/error.h"
#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/rectangle.h"

namespace ranvier {

Sensor RandomShift::sensor_after(const Sensor& sensor) const {
  RV_CHECK(x >= 0 && x < sensor.width && y >= 0 && y < sensor.height,
           "[random_shift] x and y must be >= 0 and smaller than the sensor of {}; got {} and {}.",
           to_string(sensor), x, y);
  return sensor;
}

void RandomShift::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  const std::int64_t right = random.below(2 * x + 1) - x, down = random.below(2 * y + 1) - y;
  detail::keep_rectangle(events, -right, -down, sensor);
}

std::string RandomShift::describe() const {
  return detail::Description("RandomShift").add("x", x).add("y", y).done();
}

}  // namespace ranvier
