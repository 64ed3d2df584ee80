#include "ranvier/data/transforms/polarity.h"

#include <algorithm>

namespace ranvier {

Sensor MergePolarities::sensor_after(const Sensor& sensor) const {
  return {sensor.width, sensor.height, 1};
}

void MergePolarities::operator()(Events& events, const Sensor&, RandomStream&) const {
  std::fill(events.p.begin(), events.p.end(), std::uint8_t{1});
}

std::string MergePolarities::describe() const { return "MergePolarities()"; }

}  // namespace ranvier
