// Recordings with fewer events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"
#include "ranvier/data/transforms/range.h"

namespace ranvier {

/// Drops the fraction `p` of the events, rounded to whole events, each equally likely.
struct DropEvent {
  static constexpr bool random = true;

  Range p = 0.5;  ///< in [0, 1]

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Drops what happens during a part of the recording, anywhere between its first and last event.
struct DropEventByTime {
  static constexpr bool random = true;

  Range duration_ratio = 0.2;  ///< that part of the duration, in [0, 1]

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Drops what happens in a rectangle anywhere on the sensor.
struct DropEventByArea {
  static constexpr bool random = true;

  /// Its width and height as parts of the sensor's, in [0, 1]: 0.2 drops a 25th of the area. They
  /// are rounded down, but not to 0.
  Range area_ratio = 0.2;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// A place on a sensor.
struct Pixel {
  std::int64_t x = 0, y = 0;
};

/// Drops all events of some pixels: those listed, and those that are hotter than a frequency.
struct DropPixel {
  static constexpr bool random = false;

  std::vector<Pixel> coordinates = {};
  double hot_pixel_frequency = 0;  ///< events a second, over the whole recording; 0: no limit

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Drops all events of a pixel with probability `p`.
struct RandomDropPixel {
  static constexpr bool random = true;

  double p = 0.1;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
