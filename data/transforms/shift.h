// Recordings that are somewhere else on the sensor.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Moves all events of a recording together by whole pixels, each way equally likely; those that
/// leave the sensor are dropped. Of channels it moves the pitch: what most helps against
/// overfitting on spoken words.
struct RandomShift {
  static constexpr bool random = true;

  std::int64_t x = 0;  ///< by up to so many columns or channels either way; below the width
  std::int64_t y = 0;  ///< by up to so many rows either way; below the height

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
