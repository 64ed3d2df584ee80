#include "ranvier/data/transforms/jitter.h"

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"

namespace ranvier {
namespace {

/// `position` moved by `shift`, rounded; it may leave the sensor by at most one pixel.
std::int64_t moved(std::int16_t position, double shift, std::int64_t extent) {
  const double to = std::floor(position + shift + 0.5);
  return static_cast<std::int64_t>(std::clamp(to, -1.0, static_cast<double>(extent)));
}

bool inside(std::int64_t position, std::int64_t extent) {
  return position >= 0 && position < extent;
}

}  // namespace

Sensor TimeJitter::sensor_after(const Sensor& sensor) const {
  RV_CHECK(std >= 0 && std::isfinite(std), "[time_jitter] std must be >= 0; got {}.", std);
  return sensor;
}

void TimeJitter::operator()(Events& events, const Sensor&, RandomStream& random) const {
  std::array<double, 2> shifts{};
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    if (i % 2 == 0) shifts = random.normals();
    const auto t = static_cast<double>(events.t[i]);
    events.t[i] = detail::to_time(std::floor(t + std * shifts[i % 2] + 0.5));
  }
  if (clip_negative)
    keep_if(events, [&](std::int64_t i) { return events.t[static_cast<std::size_t>(i)] >= 0; });
  sort_by_time(events);
}

std::string TimeJitter::describe() const {
  return detail::Description("TimeJitter")
      .add("std", std)
      .add("clip_negative", clip_negative)
      .done();
}

Sensor SpatialJitter::sensor_after(const Sensor& sensor) const {
  RV_CHECK(var_x >= 0 && var_y >= 0 && std::isfinite(var_x) && std::isfinite(var_y),
           "[spatial_jitter] var_x and var_y must be >= 0; got {} and {}.", var_x, var_y);
  RV_CHECK(sigma_xy * sigma_xy <= var_x * var_y,
           "[spatial_jitter] the square of sigma_xy must be at most var_x * var_y = {}; got {}.",
           var_x * var_y, sigma_xy);
  return sensor;
}

void SpatialJitter::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  // The Cholesky factor of the covariance: shifts (xx * a, yx * a + yy * b) of normal a and b.
  const double xx = std::sqrt(var_x);
  const double yx = xx > 0 ? sigma_xy / xx : 0;
  const double yy = std::sqrt(std::max(0.0, var_y - yx * yx));
  std::int64_t kept = 0;
  for (std::int64_t i = 0; i < events.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto [a, b] = random.normals();
    std::int64_t x = moved(events.x[at], xx * a, sensor.width), y = events.y[at];
    if (sensor.height > 1) y = moved(events.y[at], yx * a + yy * b, sensor.height);
    if (outliers == Outliers::clamp) {
      x = std::clamp<std::int64_t>(x, 0, sensor.width - 1);
      y = std::clamp<std::int64_t>(y, 0, sensor.height - 1);
    } else if (!inside(x, sensor.width) || !inside(y, sensor.height)) {
      continue;
    }
    const auto to = static_cast<std::size_t>(kept);
    events.move_event(i, kept++);
    events.x[to] = static_cast<std::int16_t>(x);
    events.y[to] = static_cast<std::int16_t>(y);
  }
  events.resize(kept);
}

std::string SpatialJitter::describe() const {
  return detail::Description("SpatialJitter")
      .add("var_x", var_x)
      .add("var_y", var_y)
      .add("sigma_xy", sigma_xy)
      .add("outliers", outliers == Outliers::drop ? "drop" : "clamp")
      .done();
}

}  // namespace ranvier
