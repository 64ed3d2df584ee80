#include "ranvier/data/formats/detail/event_columns.h"

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

/// What one column says about an event; `otherwise` if there is no such column.
std::int64_t value(const std::optional<std::vector<std::int64_t>>& column, std::size_t i,
                   std::int64_t otherwise) {
  return column ? (*column)[i] : otherwise;
}

}  // namespace

Recording recording_of(const EventColumns& columns, const std::optional<Sensor>& sensor,
                       const ReadPlace& place, const ReadOptions& options) {
  check_event_count(static_cast<std::int64_t>(columns.t.size()), place, options);
  constexpr std::int64_t most = 32767;
  Recording recording;
  Events& events = recording.events;
  events.resize(static_cast<std::int64_t>(columns.t.size()));
  for (std::size_t i = 0; i < columns.t.size(); ++i) {
    const std::int64_t x = columns.x[i], y = value(columns.y, i, 0), p = value(columns.p, i, 1);
    if (x < 0 || x > most || y < 0 || y > most)
      fail(ErrorCode::format, "[{}] {}: event {} is at ({}, {}); sensors have 0 to {}.",
           place.reader, place.file, i, x, y, most);
    if (p < -1 || p > 1)
      fail(ErrorCode::format, "[{}] {}: event {} has the polarity {}; 1 is ON, 0 and -1 are OFF.",
           place.reader, place.file, i, p);
    events.t[i] = columns.t[i];
    events.x[i] = static_cast<std::int16_t>(x);
    events.y[i] = static_cast<std::int16_t>(y);
    events.p[i] = p == 1 || (sensor && sensor->polarities == 1) ? 1 : 0;
  }
  recording.sensor = sensor ? *sensor : smallest_sensor(events, columns.p ? 2 : 1);
  finish_recording(recording, place, options);
  return recording;
}

}  // namespace ranvier::detail
