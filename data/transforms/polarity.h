// Recordings without polarity.
#pragma once

#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Makes ON and OFF events the same; the sensor has one polarity afterwards.
struct MergePolarities {
  static constexpr bool random = false;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
