// What a transform does, for framings that look it up instead of changing events.
#pragma once

#include <cstdint>
#include <vector>

#include "ranvier/data/events/events.h"

namespace ranvier {

/// Which events are kept and where they come to lie, if the first depends on their time alone and
/// the second on their position alone, column by column and row by row.
struct EventLookup {
  std::int64_t first_time = -max_time, last_time = max_time;  ///< kept from and up to here
  std::vector<std::int16_t> x, y;  ///< the new column of each column, the new row of each row

  /// The one that keeps all events of `sensor` where they are.
  explicit EventLookup(const Sensor& sensor);
};

}  // namespace ranvier
