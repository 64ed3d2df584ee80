// Coarser times and coarser sensors.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/lookup.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// Multiplies times and positions, rounded down; all events are kept, also those that fall on each
/// other. A factor such as 1.0 / 7 counts as exact: channels 0 to 6 become channel 0.
struct Downsample {
  static constexpr bool random = false;

  double time_factor = 1;          ///< > 0
  double spatial_factor = 1;       ///< in (0, 1]: x and y become floor(factor * x) and so on
  std::int64_t target_width = 0;   ///< instead of a factor: x becomes floor(x * target / width)
  std::int64_t target_height = 0;  ///< likewise; 0 leaves the height as it is

  Sensor sensor_after(const Sensor& sensor) const;
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
  bool look_up(const Sensor& sensor, EventLookup& lookup) const;
  std::string describe() const;
};

}  // namespace ranvier
