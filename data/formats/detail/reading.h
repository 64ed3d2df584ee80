// What all readers of event files do: say what is wrong and where, and check what they read.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier::detail {

/// Who reads which file, for error texts.
struct ReadPlace {
  const char* reader;  ///< "atis"
  std::string file;
};

/// Error (format): "[atis] FILE: event 17 at byte 85: <what is wrong and what would be right>."
[[noreturn]] void fail_at(const ReadPlace& place, const char* record, std::int64_t index,
                          std::int64_t offset, const std::string& what);

/// Checks that every event lies inside its sensor and within `max_time`, and puts the times in
/// order as `options` say. Errors name the first event that is wrong.
void finish_recording(Recording& recording, const ReadPlace& place, const ReadOptions& options);

/// Error: `count` events take more memory than `options.max_bytes`.
void check_event_count(std::int64_t count, const ReadPlace& place, const ReadOptions& options);

/// The smallest sensor that holds `events`, for files that do not say which sensor they come from.
Sensor smallest_sensor(const Events& events, std::int64_t polarities);

}  // namespace ranvier::detail
