// One walk over events in the order of time that cuts them into steps, and the steps' rows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ranvier/core/detail/prefetch.h"
#include "ranvier/ops/events/bin_rule.h"

namespace ranvier::detail {

/// The first event from `from` on that is at `time` or later.
template <class TimeOf>
std::int64_t first_not_before(std::int64_t time, const TimeOf& time_of, std::int64_t from,
                              std::int64_t size) {
  constexpr std::int64_t stride = 8;
  while (from + stride <= size && time_of(from + stride - 1) < time) from += stride;
  while (from < size && time_of(from) < time) ++from;
  return from;
}

/// Calls `visit(k, first, end)` for the slices k in [0, steps): of `size` events, in the order of
/// time, [first, end) have times in [begin_of(k), end_of(k)), both of which grow with k.
/// `time_of(i)` is the time of event i. One walk over the times if no slices overlap.
template <class TimeOf, class BeginOf, class EndOf, class Visit>
void for_each_slice_of(std::int64_t size, const TimeOf& time_of, std::int64_t steps,
                       const BeginOf& begin_of, const EndOf& end_of, const Visit& visit) {
  std::int64_t first = 0, end = 0;
  for (std::int64_t k = 0; k < steps; ++k) {
    const std::int64_t begin_time = begin_of(k);
    if (end > 0 && time_of(end - 1) < begin_time) first = end;
    first = first_not_before(begin_time, time_of, first, size);
    end = first_not_before(end_of(k), time_of, std::max(first, end), size);
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

/// The rows of the steps of one recording in a batch: `cells` numbers each, `stride` apart.
struct StepRows {
  float* first;
  std::int64_t stride, steps, cells;

  /// Row `k`, filled with zeros. A later one is fetched meanwhile: short rows lie so far apart that
  /// no processor guesses where the next one is, and waiting for them took most of the time.
  float* cleared(std::int64_t k) const {
    constexpr std::int64_t ahead = 8, short_row = 1024;
    float* row = first + k * stride;
    if (k + ahead < steps) prefetch(row + ahead * stride, std::min(cells, short_row));
    std::fill_n(row, cells, 0.0f);
    return row;
  }
};

}  // namespace ranvier::detail
