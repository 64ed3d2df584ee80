// Recordings from which the fuzz targets of event formats start.
#pragma once

#include "ranvier/data/events/events.h"
#include "tests/fuzz/mutate.h"

namespace ranvier::fuzz {

/// `count` events all over `sensor` within 0.1 s.
inline Recording scattered_events(const Sensor& sensor, std::int64_t count) {
  Dice dice(static_cast<std::uint64_t>(count));
  const auto below = [&](std::int64_t limit) { return dice.roll(static_cast<std::size_t>(limit)); };
  Recording recording{.sensor = sensor, .events = {}};
  for (std::int64_t i = 0; i < count; ++i)
    recording.events.push_back(static_cast<std::int64_t>(below(100'000)),
                               static_cast<std::int16_t>(below(sensor.width)),
                               static_cast<std::int16_t>(below(sensor.height)),
                               static_cast<std::uint8_t>(below(sensor.polarities)));
  sort_by_time(recording.events);
  return recording;
}

}  // namespace ranvier::fuzz
