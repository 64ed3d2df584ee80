#include "ranvier/data/formats/detail/reading.h"

#include <algorithm>

namespace ranvier::detail {

void fail_at(const ReadPlace& place, const char* record, std::int64_t index, std::int64_t offset,
             const std::string& what) {
  fail(ErrorCode::format, "[{}] {}: {} {} at byte {}: {}.", place.reader, place.file, record, index,
       offset, what);
}

void finish_recording(Recording& recording, const ReadPlace& place, const ReadOptions& options) {
  const Sensor& sensor = recording.sensor;
  Events& events = recording.events;
  if (const std::int64_t i = first_outside(events, sensor); i >= 0)
    fail(ErrorCode::format, "[{}] {}: event {} is at ({}, {}), outside the sensor of {}.",
         place.reader, place.file, i, events.x[static_cast<std::size_t>(i)],
         events.y[static_cast<std::size_t>(i)], to_string(sensor));
  for (std::size_t i = 0; i < events.t.size(); ++i)
    if (events.t[i] < -max_time || events.t[i] > max_time)
      fail(ErrorCode::format, "[{}] {}: event {} is at {} us; times lie within {} us of 0.",
           place.reader, place.file, i, events.t[i], max_time);
  if (in_time_order(events)) return;
  if (options.order == TimeOrder::reject) {
    const auto later = std::is_sorted_until(events.t.begin(), events.t.end());
    fail(ErrorCode::format,
         "[{}] {}: time runs backwards at event {}, from {} to {} us; TimeOrder::sort accepts it.",
         place.reader, place.file, later - events.t.begin(), *(later - 1), *later);
  }
  sort_by_time(events);
}

void check_event_count(std::int64_t count, const ReadPlace& place, const ReadOptions& options) {
  constexpr std::int64_t event_bytes = sizeof(std::int64_t) + 2 * sizeof(std::int16_t) + 1;
  if (count > options.max_bytes / event_bytes)
    fail(ErrorCode::format,
         "[{}] {}: its {} events take {} bytes each; at most {} bytes are accepted.", place.reader,
         place.file, count, event_bytes, options.max_bytes);
}

Sensor smallest_sensor(const Events& events, std::int64_t polarities) {
  std::int16_t x = 0, y = 0;
  for (const std::int16_t column : events.x) x = std::max(x, column);
  for (const std::int16_t row : events.y) y = std::max(y, row);
  return {.width = x + 1, .height = y + 1, .polarities = polarities};
}

}  // namespace ranvier::detail
