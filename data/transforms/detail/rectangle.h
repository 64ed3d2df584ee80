// Part of a sensor, seen as a sensor of its own.
#pragma once

#include <cstdint>

#include "ranvier/data/events/events.h"

namespace ranvier::detail {

/// Keeps the events of a rectangle of `size` whose first pixel is (left, top), which becomes
/// (0, 0). The rectangle may reach beyond the sensor.
inline void keep_rectangle(Events& events, std::int64_t left, std::int64_t top,
                           const Sensor& size) {
  const auto inside = [](std::int64_t position, std::int64_t extent) {
    return position >= 0 && position < extent;
  };
  keep_if(events, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    return inside(events.x[at] - left, size.width) && inside(events.y[at] - top, size.height);
  });
  for (std::int16_t& x : events.x) x = static_cast<std::int16_t>(x - left);
  for (std::int16_t& y : events.y) y = static_cast<std::int16_t>(y - top);
}

}  // namespace ranvier::detail
