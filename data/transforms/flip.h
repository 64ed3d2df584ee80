// Mirrored recordings.
#pragma once

#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Mirrors a recording left to right with probability `p`: x becomes width - 1 - x.
struct RandomFlipLR {
  static constexpr bool random = true;

  double p = 0.5;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Turns a recording upside down with probability `p`: y becomes height - 1 - y.
struct RandomFlipUD {
  static constexpr bool random = true;

  double p = 0.5;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Swaps ON and OFF of each event with probability `p`, or of all of them together. For sensors
/// with two polarities.
struct RandomFlipPolarity {
  static constexpr bool random = true;

  double p = 0.5;
  bool all_together = false;  ///< true: the whole recording is swapped or none of it

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
