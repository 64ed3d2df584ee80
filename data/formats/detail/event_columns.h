// Columns of numbers as events.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

/// The columns of a file of any numbers; t and x have one length, and so have y and p, if they are
/// there.
struct EventColumns {
  std::vector<std::int64_t> t, x;
  std::optional<std::vector<std::int64_t>> y, p;
};

/// The recording of these columns, in the order of time as `options` say. `sensor` unset: the
/// smallest that holds the events. Errors name the event: a place that no sensor has, one outside
/// `sensor`, a polarity other than 0, 1 and -1.
Recording recording_of(const EventColumns& columns, const std::optional<Sensor>& sensor,
                       const ReadPlace& place, const ReadOptions& options);

}  // namespace ranvier::detail
