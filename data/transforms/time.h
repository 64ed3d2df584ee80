// Recordings on another axis of time.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"
#include "ranvier/data/transforms/range.h"

namespace ranvier {

/// t becomes coefficient * t + offset, rounded to microseconds. Negative times stay.
struct TimeSkew {
  static constexpr bool random = true;  // both may be drawn

  Range coefficient = 1;  ///< > 0
  Range offset = 0;       ///< microseconds

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Plays a recording backwards with probability `p`, between the same first and last time.
struct RandomTimeReversal {
  static constexpr bool random = true;

  double p = 0.5;
  bool flip_polarities = true;  ///< ON becomes OFF and OFF becomes ON, where they are told apart

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Moves all events in time, so that the first is at 0.
struct TimeAlignment {
  static constexpr bool random = false;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Rounds times down to multiples of `unit`, as if they had been stored as coarsely.
struct QuantiseTime {
  static constexpr bool random = false;

  std::int64_t unit = 1000;  ///< microseconds, >= 1

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
