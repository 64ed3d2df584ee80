#include "ranvier/data/transforms/drop.h"

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"
#include "ranvier/ops/events/bin_rule.h"

namespace ranvier {
namespace {

std::size_t pixel_of(const Sensor& sensor, std::int64_t x, std::int64_t y) {
  return static_cast<std::size_t>(event_cell(sensor.width, 1, x, y, 1));
}

std::size_t pixels(const Sensor& sensor) {
  return static_cast<std::size_t>(sensor.width * sensor.height);
}

/// Keeps the events of pixels that are not marked.
void drop_marked(Events& events, const Sensor& sensor, const std::vector<std::uint8_t>& marked) {
  keep_if(events, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    return marked[pixel_of(sensor, events.x[at], events.y[at])] == 0;
  });
}

/// Part of an extent, rounded down, but not to 0.
std::int64_t side(std::int64_t extent, double ratio) {
  const auto length =
      static_cast<std::int64_t>(detail::floor_product(static_cast<double>(extent), ratio));
  return ratio > 0 ? std::max<std::int64_t>(length, 1) : 0;
}

}  // namespace

Sensor DropEvent::sensor_after(const Sensor& sensor) const {
  detail::check_range("drop_event", "p", p, 0, 1);
  return sensor;
}

void DropEvent::operator()(Events& events, const Sensor&, RandomStream& random) const {
  std::int64_t left = events.size();
  auto to_drop = static_cast<std::int64_t>(p.draw(random) * static_cast<double>(left) + 0.5);
  // Each choice of so many events is equally likely if one of those that are left is dropped with
  // the probability to_drop / left (Knuth, TAOCP volume 2, 3.4.2, algorithm S).
  keep_if(events, [&](std::int64_t) {
    const bool drop = random.below(left--) < to_drop;
    to_drop -= drop ? 1 : 0;
    return !drop;
  });
}

std::string DropEvent::describe() const {
  return detail::Description("DropEvent").add("p", p).done();
}

Sensor DropEventByTime::sensor_after(const Sensor& sensor) const {
  detail::check_range("drop_event_by_time", "duration_ratio", duration_ratio, 0, 1);
  return sensor;
}

void DropEventByTime::operator()(Events& events, const Sensor&, RandomStream& random) const {
  if (events.empty()) return;
  const auto duration = static_cast<double>(events.t.back() - events.t.front());
  const double length = duration_ratio.draw(random) * duration;
  const double begin = static_cast<double>(events.t.front()) + random.uniform(0, duration - length);
  keep_if(events, [&](std::int64_t i) {
    const auto t = static_cast<double>(events.t[static_cast<std::size_t>(i)]);
    return t < begin || t >= begin + length;
  });
}

std::string DropEventByTime::describe() const {
  return detail::Description("DropEventByTime").add("duration_ratio", duration_ratio).done();
}

Sensor DropEventByArea::sensor_after(const Sensor& sensor) const {
  detail::check_range("drop_event_by_area", "area_ratio", area_ratio, 0, 1);
  return sensor;
}

void DropEventByArea::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  const double ratio = area_ratio.draw(random);
  const std::int64_t width = side(sensor.width, ratio), height = side(sensor.height, ratio);
  const std::int64_t left = random.below(sensor.width - width + 1);
  const std::int64_t top = random.below(sensor.height - height + 1);
  keep_if(events, [&](std::int64_t i) {
    const std::int64_t x = events.x[static_cast<std::size_t>(i)] - left;
    const std::int64_t y = events.y[static_cast<std::size_t>(i)] - top;
    return x < 0 || x >= width || y < 0 || y >= height;
  });
}

std::string DropEventByArea::describe() const {
  return detail::Description("DropEventByArea").add("area_ratio", area_ratio).done();
}

Sensor DropPixel::sensor_after(const Sensor& sensor) const {
  RV_CHECK(hot_pixel_frequency >= 0 && std::isfinite(hot_pixel_frequency),
           "[drop_pixel] hot_pixel_frequency must be >= 0; got {}.", hot_pixel_frequency);
  for (const Pixel& pixel : coordinates)
    RV_CHECK(pixel.x >= 0 && pixel.x < sensor.width && pixel.y >= 0 && pixel.y < sensor.height,
             "[drop_pixel] coordinates must be inside the sensor of {}; got ({}, {}).",
             to_string(sensor), pixel.x, pixel.y);
  return sensor;
}

void DropPixel::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  if (events.empty()) return;
  std::vector<std::uint8_t> marked(pixels(sensor), 0);
  for (const Pixel& pixel : coordinates) marked[pixel_of(sensor, pixel.x, pixel.y)] = 1;
  if (hot_pixel_frequency > 0) {
    const double seconds = static_cast<double>(events.t.back() - events.t.front()) * 1e-6;
    std::vector<std::int64_t> counts(pixels(sensor), 0);
    for (std::size_t i = 0; i < events.t.size(); ++i)
      ++counts[pixel_of(sensor, events.x[i], events.y[i])];
    // Frequencies need a duration.
    for (std::size_t i = 0; i < counts.size() && seconds > 0; ++i)
      if (static_cast<double>(counts[i]) > hot_pixel_frequency * seconds) marked[i] = 1;
  }
  drop_marked(events, sensor, marked);
}

std::string DropPixel::describe() const {
  std::string list;
  for (const Pixel& pixel : coordinates)
    list += fmt::format("{}({}, {})", list.empty() ? "" : ", ", pixel.x, pixel.y);
  return detail::Description("DropPixel")
      .add("coordinates", "[" + list + "]")
      .add("hot_pixel_frequency", hot_pixel_frequency)
      .done();
}

Sensor RandomDropPixel::sensor_after(const Sensor& sensor) const {
  detail::check_probability("random_drop_pixel", p);
  return sensor;
}

void RandomDropPixel::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  std::vector<std::uint8_t> marked(pixels(sensor));
  for (std::uint8_t& mark : marked) mark = random.with_probability(p) ? 1 : 0;
  drop_marked(events, sensor, marked);
}

std::string RandomDropPixel::describe() const {
  return detail::Description("RandomDropPixel").add("p", p).done();
}

}  // namespace ranvier
