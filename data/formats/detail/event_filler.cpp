#include "ranvier/data/formats/detail/event_filler.h"

#include <fmt/core.h>

#include "ranvier/core/error.h"

namespace ranvier::detail {

EventFiller::EventFiller(Recording& recording, const ReadPlace& place, const char* record,
                         std::int64_t most)
    : events_(recording.events),
      sensor_(recording.sensor),
      place_(place),
      record_(record),
      width_(static_cast<std::uint32_t>(sensor_.width)),
      height_(static_cast<std::uint32_t>(sensor_.height)),
      always_on_(sensor_.polarities == 1),
      count_(events_.size()) {
  const auto extent = [](std::int64_t value) { return value >= 1 && value <= 32768; };
  RV_CHECK(extent(sensor_.width) && extent(sensor_.height) &&
               (sensor_.polarities == 1 || sensor_.polarities == 2),
           "[{}] a sensor has 1 to 32768 columns and rows and 1 or 2 polarities; got {} x {} x {}.",
           place.reader, sensor_.width, sensor_.height, sensor_.polarities);
  events_.resize(count_ + most);
}

void EventFiller::fail_outside(std::uint32_t x, std::uint32_t y, std::int64_t index,
                               std::int64_t offset) const {
  fail_at(place_, record_, index, offset,
          fmt::format("it is at ({}, {}), outside the sensor of {}", x, y, to_string(sensor_)));
}

std::int64_t count_records(const ReadPlace& place, const char* record, std::int64_t first,
                           std::int64_t size, std::int64_t record_bytes) {
  const std::int64_t count = (size - first) / record_bytes;
  const std::int64_t rest = (size - first) % record_bytes;
  if (rest != 0)
    fail_at(place, record, count, size - rest,
            fmt::format("the file ends after {} of its {} bytes", rest, record_bytes));
  return count;
}

}  // namespace ranvier::detail
