// Less time, or a smaller part of the sensor.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/lookup.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Keeps the events with min <= t <= max; times stay as they are.
struct CropTime {
  static constexpr bool random = false;

  std::int64_t min = 0;         ///< microseconds
  std::int64_t max = max_time;  ///< microseconds, >= min

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  bool look_up(const Sensor& sensor, EventLookup& lookup) const;
  std::string describe() const;
};

/// Keeps the rectangle whose first pixel is (x, y), which becomes (0, 0).
struct Crop {
  static constexpr bool random = false;

  std::int64_t x = 0, y = 0;
  std::int64_t width = 0;   ///< >= 1; the rectangle lies inside the sensor
  std::int64_t height = 1;  ///< likewise

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Keeps the middle; where the sensor is smaller it comes to lie in the middle instead.
struct CenterCrop {
  static constexpr bool random = false;

  std::int64_t width = 0;   ///< 1 to 32768
  std::int64_t height = 1;  ///< 1 to 32768

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Keeps a rectangle anywhere on the sensor, each place equally likely.
struct RandomCrop {
  static constexpr bool random = true;

  std::int64_t width = 0;   ///< 1 to the sensor's
  std::int64_t height = 1;  ///< 1 to the sensor's

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
