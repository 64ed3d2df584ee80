// Filters that look at what happened at a pixel, or beside it, before.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Keeps an event if one of the pixels left, right, above or below had an event, kept or not, less
/// than `filter_time` before it. The first event of a recording is thus never kept.
struct Denoise {
  static constexpr bool random = false;

  std::int64_t filter_time = 10000;  ///< microseconds, >= 1

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Keeps an event if it is the first of its pixel, or comes more than `delta` after the one before.
struct RefractoryPeriod {
  static constexpr bool random = false;

  std::int64_t delta = 1000;  ///< microseconds, >= 0
  /// False: the one before is any event of the pixel, so that a steady stream is silenced for good;
  /// true: it is the last one that was kept, as after a spike of a neuron.
  bool since_kept = false;

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

/// Keeps every n-th event of each pixel, beginning with the n-th.
struct Decimation {
  static constexpr bool random = false;

  std::int64_t n = 1;  ///< >= 1

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  std::string describe() const;
};

}  // namespace ranvier
