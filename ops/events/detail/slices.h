// One walk over events in the order of time that cuts them into steps.
#pragma once

#include <cstdint>

#include "ranvier/ops/events/bin_rule.h"

namespace ranvier::detail {

/// Calls `visit(k, first, end)` for the slices k in [0, steps): of `size` events, in the order of
/// time, [first, end) have times in [begin_of(k), end_of(k)), both of which grow with k.
/// `time_of(i)` is the time of event i. One walk over the times if no slices overlap.
template <class TimeOf, class BeginOf, class EndOf, class Visit>
void for_each_slice_of(std::int64_t size, const TimeOf& time_of, std::int64_t steps,
                       const BeginOf& begin_of, const EndOf& end_of, const Visit& visit) {
  std::int64_t first = 0, end = 0;
  for (std::int64_t k = 0; k < steps; ++k) {
    const std::int64_t begin_time = begin_of(k), end_time = end_of(k);
    if (end > 0 && time_of(end - 1) < begin_time) first = end;
    while (first < size && time_of(first) < begin_time) ++first;
    if (end < first) end = first;
    while (end < size && time_of(end) < end_time) ++end;
    visit(k, first, end);
  }
}

/// The first `steps` slices of `windows`.
template <class TimeOf, class Visit>
void for_each_slice_of(std::int64_t size, const TimeOf& time_of, const TimeWindows& windows,
                       std::int64_t steps, const Visit& visit) {
  for_each_slice_of(
      size, time_of, steps, [&](std::int64_t k) { return window_begin(windows, k); },
      [&](std::int64_t k) { return window_end(windows, k); }, visit);
}

}  // namespace ranvier::detail
