#include "ranvier/data/transforms/crop.h"

#include <algorithm>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"
#include "ranvier/data/transforms/detail/rectangle.h"

namespace ranvier {
namespace {

constexpr std::int64_t largest_extent = 32768;

/// Half of what is left over at both sides, rounded down.
std::int64_t margin(std::int64_t extent, std::int64_t inner) { return (extent - inner) >> 1; }

template <class Column>
void keep_rows(Column& column, std::ptrdiff_t first, std::ptrdiff_t end) {
  column.erase(column.begin() + end, column.end());
  column.erase(column.begin(), column.begin() + first);
}

}  // namespace

Sensor CropTime::sensor_after(const Sensor& sensor) const {
  RV_CHECK(min <= max, "[crop_time] min must be <= max; got {} and {}.", min, max);
  return sensor;
}

void CropTime::operator()(Events& events, const Sensor&, RandomStream&) const {
  const auto begin = events.t.begin();
  const auto first = std::lower_bound(begin, events.t.end(), min) - begin;
  const auto end = std::upper_bound(begin + first, events.t.end(), max) - begin;
  keep_rows(events.t, first, end);
  keep_rows(events.x, first, end);
  keep_rows(events.y, first, end);
  keep_rows(events.p, first, end);
}

bool CropTime::look_up(const Sensor&, EventLookup& lookup) const {
  lookup.first_time = std::max(lookup.first_time, min);
  lookup.last_time = std::min(lookup.last_time, max);
  return true;
}

std::string CropTime::describe() const {
  return detail::Description("CropTime").add("min", min).add("max", max).done();
}

Sensor Crop::sensor_after(const Sensor& sensor) const {
  RV_CHECK(x >= 0 && y >= 0 && width >= 1 && height >= 1 && x < sensor.width && y < sensor.height &&
               width <= sensor.width - x && height <= sensor.height - y,
           "[crop] the rectangle must lie inside the sensor of {}; got {}x{} at ({}, {}).",
           to_string(sensor), width, height, x, y);
  return {width, height, sensor.polarities};
}

void Crop::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  detail::keep_rectangle(events, x, y, sensor_after(sensor));
}

std::string Crop::describe() const {
  return detail::Description("Crop")
      .add("x", x)
      .add("y", y)
      .add("width", width)
      .add("height", height)
      .done();
}

Sensor CenterCrop::sensor_after(const Sensor& sensor) const {
  RV_CHECK(width >= 1 && width <= largest_extent && height >= 1 && height <= largest_extent,
           "[center_crop] width and height must be in [1, {}]; got {}x{}.", largest_extent, width,
           height);
  return {width, height, sensor.polarities};
}

void CenterCrop::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  detail::keep_rectangle(events, margin(sensor.width, width), margin(sensor.height, height),
                         sensor_after(sensor));
}

std::string CenterCrop::describe() const {
  return detail::Description("CenterCrop").add("width", width).add("height", height).done();
}

Sensor RandomCrop::sensor_after(const Sensor& sensor) const {
  RV_CHECK(width >= 1 && width <= sensor.width && height >= 1 && height <= sensor.height,
           "[random_crop] the rectangle must be no larger than the sensor of {}; got {}x{}.",
           to_string(sensor), width, height);
  return {width, height, sensor.polarities};
}

void RandomCrop::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  const Sensor size = sensor_after(sensor);
  const std::int64_t left = random.below(sensor.width - width + 1);
  const std::int64_t top = random.below(sensor.height - height + 1);
  detail::keep_rectangle(events, left, top, size);
}

std::string RandomCrop::describe() const {
  return detail::Description("RandomCrop").add("width", width).add("height", height).done();
}

}  // namespace ranvier
