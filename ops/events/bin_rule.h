// Which time steps an event belongs to, and which number of a frame counts it: one rule for frames
// made by the host and for those binned on a device.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier {

/// Windows of one length on the axis of time, all in microseconds. Window k holds the times
/// [start + k * stride, start + k * stride + length), and the last one those up to `end`.
struct TimeWindows {
  std::int64_t start;   ///< where the first window begins
  std::int64_t length;  ///< of a window, >= 1
  std::int64_t stride;  ///< from one window to the next, in [1, length]
  std::int64_t count;   ///< windows, >= 1
  /// No window holds this time or a later one. It is where the last window ends, or 1 more if the
  /// recording ends exactly there: the last event is never lost.
  std::int64_t end;
};

/// `count` windows for events of which the last is at `last`.
inline TimeWindows fixed_windows(std::int64_t start, std::int64_t last, std::int64_t length,
                                 std::int64_t stride, std::int64_t count) {
  const std::int64_t end = start + (count - 1) * stride + length;
  return {start, length, stride, count, last == end ? end + 1 : end};
}

/// As many windows as there are complete ones up to the event at `last`, or, with
/// `include_incomplete`, as are needed to hold it; at least 1.
inline TimeWindows time_windows(std::int64_t start, std::int64_t last, std::int64_t length,
                                std::int64_t stride, bool include_incomplete) {
  const std::int64_t beyond = std::max<std::int64_t>(last - start - length, 0);
  const std::int64_t more = (include_incomplete ? beyond + stride - 1 : beyond) / stride;
  return fixed_windows(start, last, length, stride, 1 + more);
}

/// The first time that window `k` holds.
RV_HD std::int64_t window_begin(const TimeWindows& windows, std::int64_t k) {
  return windows.start + k * windows.stride;
}

/// The first time after those that window `k` holds.
RV_HD std::int64_t window_end(const TimeWindows& windows, std::int64_t k) {
  return k == windows.count - 1 ? windows.end : window_begin(windows, k) + windows.length;
}

/// `count` of the windows from window `first` on: what they hold stays the same.
inline TimeWindows part_of(const TimeWindows& windows, std::int64_t first, std::int64_t count) {
  return {.start = window_begin(windows, first),
          .length = windows.length,
          .stride = windows.stride,
          .count = count,
          .end = window_end(windows, first + count - 1)};
}

/// The window that holds time `t`, the last one if they overlap; -1 if there is none.
RV_HD std::int64_t step_of(const TimeWindows& windows, std::int64_t t) {
  if (t < windows.start || t >= windows.end) return -1;
  const std::int64_t step = (t - windows.start) / windows.stride;
  return step < windows.count ? step : windows.count - 1;
}

/// The first window that holds time `t`, of which `step_of` is the last.
RV_HD std::int64_t first_step_of(const TimeWindows& windows, std::int64_t t) {
  const std::int64_t step = step_of(windows, t);
  const std::int64_t beyond = t - windows.start - windows.length;
  if (step < 0 || beyond < 0) return step < 0 ? -1 : 0;
  const std::int64_t first = beyond / windows.stride + 1;
  return first < step ? first : step;
}

/// The number of a frame [height, width, polarities] that counts an event at column `x` and row
/// `y`. `p` is not looked at if there is only one polarity.
RV_HD std::int64_t event_cell(std::int64_t width, std::int64_t polarities, std::int64_t x,
                              std::int64_t y, std::uint8_t p) {
  const std::int64_t pixel = y * width + x;
  return polarities == 1 ? pixel : 2 * pixel + (p != 0 ? 1 : 0);
}

}  // namespace ranvier
