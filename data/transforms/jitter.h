// Events that are a little elsewhere, or a little earlier or later.
#pragma once

#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Moves each event in time by a normal number, rounded to microseconds, and sorts them again.
struct TimeJitter {
  static constexpr bool random = true;

  double std = 1;             ///< standard deviation in microseconds, >= 0
  bool clip_negative = true;  ///< drops events that come to lie before 0

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// What becomes of an event that leaves the sensor.
enum class Outliers {
  drop,   ///< it is gone
  clamp,  ///< it stays at the edge
};

/// Moves each event by two normal numbers with this covariance, rounded to pixels. Channels move
/// along x alone.
struct SpatialJitter {
  static constexpr bool random = true;

  double var_x = 1;     ///< variance, in pixels squared; >= 0
  double var_y = 1;     ///< likewise
  double sigma_xy = 0;  ///< covariance; its square is at most var_x * var_y
  Outliers outliers = Outliers::drop;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
