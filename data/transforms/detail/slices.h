// Cutting a recording into the events of each time step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ranvier/data/events/event_view.h"
#include "ranvier/ops/events/bin_rule.h"
#include "ranvier/ops/events/detail/slices.h"

namespace ranvier::detail {

/// `for_each_slice_of` the times of `events`: slices from begin_of(k) to end_of(k).
template <class BeginOf, class EndOf, class Visit>
void for_each_slice(const EventView& events, std::int64_t steps, const BeginOf& begin_of,
                    const EndOf& end_of, const Visit& visit) {
  const std::int64_t* t = events.t;
  for_each_slice_of(
      events.size(), [t](std::int64_t i) { return t[i]; }, steps, begin_of, end_of, visit);
}

/// Slices of all `windows`.
template <class Visit>
void for_each_slice(const EventView& events, const TimeWindows& windows, const Visit& visit) {
  const std::int64_t* t = events.t;
  for_each_slice_of(
      events.size(), [t](std::int64_t i) { return t[i]; }, windows, windows.count, visit);
}

/// [0, extent) in `count` parts of one length, each of which shares the fraction `overlap` of
/// itself with the next; part k holds the integers in [begin(k), end(k)), of which the last is
/// `extent`, inclusive.
struct EqualParts {
  std::int64_t extent;
  std::int64_t count;
  double overlap = 0;

  std::int64_t begin(std::int64_t k) const { return edge(static_cast<double>(k) * (1 - overlap)); }
  std::int64_t end(std::int64_t k) const {
    return k == count - 1 ? extent + 1 : edge(static_cast<double>(k) * (1 - overlap) + 1);
  }

 private:
  // Multiplied before it is divided: exact without overlap, as long as count * extent < 2^53. With
  // one, what lies next to an integer is that integer: 0.2 is no fifth, only the double beside it.
  std::int64_t edge(double lengths) const {
    const double parts = static_cast<double>(count - 1) * (1 - overlap) + 1;
    const double at = lengths * static_cast<double>(extent) / parts, nearest = std::nearbyint(at);
    const double rounding = overlap == 0 ? 0 : at * 0x1p-50 / (1 - overlap);
    return static_cast<std::int64_t>(std::abs(at - nearest) <= rounding ? nearest : std::ceil(at));
  }
};

/// Slices of `steps` of `count` equal parts of the time from the first to the last event, from part
/// `begin` on, which `visit` knows as 0.
template <class Visit>
void for_each_time_bin(const EventView& events, std::int64_t count, double overlap,
                       std::int64_t begin, std::int64_t steps, const Visit& visit) {
  const std::int64_t start = events.empty() ? 0 : events.first_time();
  const EqualParts parts{events.empty() ? 0 : events.last_time() - start, count, overlap};
  for_each_slice(
      events, steps, [&](std::int64_t k) { return start + parts.begin(begin + k); },
      [&](std::int64_t k) { return start + parts.end(begin + k); }, visit);
}

}  // namespace ranvier::detail
