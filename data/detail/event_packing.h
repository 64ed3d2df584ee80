// Events of a recording as bytes, each column as narrow as its numbers allow.
//
//   i64 time of the first event, u64 width of a step in time: 1, 2, 4 or 8
//   steps in time from event to event, the first one 0
//   x: u8 if the sensor's width is at most 256, else u16; y: as x, by height; absent if that is 1
//   polarities, a bit each; absent if there is only one
//
// Numbers are in the order of bytes of x86. No events take no bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/data/events/events.h"

namespace ranvier::detail {

/// Which recording of which file, for error texts.
struct PackedPlace {
  const std::string& file;
  std::int64_t index;
};

/// Error (format): "[cache] FILE: recording 5 is damaged: <otherwise>." unless `condition`.
inline void require(bool condition, const PackedPlace& place, const char* otherwise) {
  if (!condition)
    fail(ErrorCode::format, "[cache] {}: recording {} is damaged: {}.", place.file, place.index,
         otherwise);
}

/// Overwrites `bytes` with `events`, which are inside `sensor` and in the order of time.
void pack_events(const Events& events, const Sensor& sensor, std::vector<std::uint8_t>& bytes);

/// Overwrites `events` with the `count` that `bytes` hold. Error (format), naming `place`: these
/// bytes are not `count` events of `sensor`.
void unpack_events(std::span<const std::uint8_t> bytes, std::uint64_t count, const Sensor& sensor,
                   const PackedPlace& place, Events& events);

}  // namespace ranvier::detail
