// What writers of event files check before they write.
#pragma once

#include <cstdint>

#include "ranvier/data/events/events.h"

namespace ranvier::detail {

/// What a format can hold.
struct EncodeLimits {
  std::int64_t least_time = 0, most_time = INT64_MAX;    ///< microseconds
  std::int64_t most_columns = 32768, most_rows = 32768;  ///< of the sensor
};

/// Errors (invalid_argument), tagged with `writer`: a sensor or a time that the format cannot hold,
/// an event outside the sensor, times that run backwards.
void check_encodable(const char* writer, const Recording& recording, const EncodeLimits& limits);

}  // namespace ranvier::detail
