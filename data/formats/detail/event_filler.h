// What readers of one record per event share.
#pragma once

#include <cstdint>

#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

/// Adds events to a recording, each checked against its sensor. Without polarities in the sensor
/// every event is ON.
class EventFiller {
 public:
  /// Makes room for `most` further events. `record` names what is counted, for error texts:
  /// "event". Error: a sensor whose extents make no sense.
  EventFiller(Recording& recording, const ReadPlace& place, const char* record, std::int64_t most);

  /// Adds what record `index` at byte `offset` says. Error: it lies outside the sensor.
  void add(std::int64_t t, std::uint32_t x, std::uint32_t y, bool on, std::int64_t index,
           std::int64_t offset) {
    if (x >= width_ || y >= height_) fail_outside(x, y, index, offset);
    const auto at = static_cast<std::size_t>(count_++);
    events_.t[at] = t;
    events_.x[at] = static_cast<std::int16_t>(x);
    events_.y[at] = static_cast<std::int16_t>(y);
    events_.p[at] = on || always_on_ ? 1 : 0;
  }
  /// Gives back the room that was not used.
  void finish() { events_.resize(count_); }

 private:
  [[noreturn]] void fail_outside(std::uint32_t x, std::uint32_t y, std::int64_t index,
                                 std::int64_t offset) const;

  Events& events_;
  const Sensor& sensor_;
  const ReadPlace& place_;
  const char* record_;
  std::uint32_t width_, height_;
  bool always_on_;
  std::int64_t count_;
};

/// How many records of `record_bytes` lie between the bytes `first` and `size` of a file. Error:
/// the last one is cut off.
std::int64_t count_records(const ReadPlace& place, const char* record, std::int64_t first,
                           std::int64_t size, std::int64_t record_bytes);

/// Times of a counter that starts again at 0 after `bits` bits. A fall by more than half of its
/// range is such a start; a smaller one is a time that runs backwards.
class WrappingTime {
 public:
  explicit WrappingTime(int bits) : range_(std::uint64_t{1} << bits) {}
  std::int64_t operator()(std::uint32_t counter) {
    if (counter < last_ && last_ - counter > range_ / 2) base_ += range_;
    last_ = counter;
    return static_cast<std::int64_t>(base_ + counter);
  }

 private:
  std::uint64_t range_, base_ = 0;
  std::uint32_t last_ = 0;
};

}  // namespace ranvier::detail
