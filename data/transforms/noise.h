// Events that no stimulus caused.
#pragma once

#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"
#include "ranvier/data/transforms/range.h"

namespace ranvier {

/// Adds `n` events anywhere on the sensor, of any polarity, at any time from the first event to the
/// last. A recording without events stays as it is.
struct UniformNoise {
  static constexpr bool random = true;

  Range n = 0;  ///< 0 to 2^30; rounded down

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
