#include "ranvier/data/transforms/denoise.h"

#include <limits>
#include <vector>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"
#include "ranvier/ops/events/bin_rule.h"

namespace ranvier {
namespace {

// Longer ago than any time can be from another.
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::min() / 2;

/// A number for each pixel, whatever the polarity.
class PixelMemory {
 public:
  PixelMemory(const Sensor& sensor, std::int64_t value)
      : width_(sensor.width),
        height_(sensor.height),
        values_(static_cast<std::size_t>(width_ * height_), value) {}

  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  std::int64_t& at(std::int64_t x, std::int64_t y) {
    return values_[static_cast<std::size_t>(event_cell(width_, 1, x, y, 1))];
  }

 private:
  std::int64_t width_, height_;
  std::vector<std::int64_t> values_;
};

/// True if a neighbour of (x, y) had an event after `time`.
bool neighbour_after(PixelMemory& last, std::int64_t x, std::int64_t y, std::int64_t time) {
  return (x > 0 && last.at(x - 1, y) > time) ||
         (x + 1 < last.width() && last.at(x + 1, y) > time) ||
         (y > 0 && last.at(x, y - 1) > time) || (y + 1 < last.height() && last.at(x, y + 1) > time);
}

}  // namespace

Sensor Denoise::sensor_after(const Sensor& sensor) const {
  RV_CHECK(filter_time >= 1 && filter_time <= 2 * max_time,
           "[denoise] filter_time must be in [1, {}]; got {}.", 2 * max_time, filter_time);
  return sensor;
}

void Denoise::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  if (events.empty()) return;
  PixelMemory last(sensor, never);
  keep_if(events, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t t = events.t[at], x = events.x[at], y = events.y[at];
    last.at(x, y) = t;
    return neighbour_after(last, x, y, t - filter_time);
  });
}

std::string Denoise::describe() const {
  return detail::Description("Denoise").add("filter_time", filter_time).done();
}

Sensor RefractoryPeriod::sensor_after(const Sensor& sensor) const {
  RV_CHECK(delta >= 0 && delta <= 2 * max_time,
           "[refractory_period] delta must be in [0, {}]; got {}.", 2 * max_time, delta);
  return sensor;
}

void RefractoryPeriod::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  if (events.empty()) return;
  PixelMemory memory(sensor, never);
  keep_if(events, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t t = events.t[at];
    std::int64_t& last = memory.at(events.x[at], events.y[at]);
    const bool keep = t - last > delta;
    if (keep || !since_kept) last = t;
    return keep;
  });
}

std::string RefractoryPeriod::describe() const {
  return detail::Description("RefractoryPeriod")
      .add("delta", delta)
      .add("since_kept", since_kept)
      .done();
}

Sensor Decimation::sensor_after(const Sensor& sensor) const {
  RV_CHECK(n >= 1, "[decimation] n must be >= 1; got {}.", n);
  return sensor;
}

void Decimation::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  if (events.empty()) return;
  PixelMemory seen(sensor, 0);
  keep_if(events, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    std::int64_t& count = seen.at(events.x[at], events.y[at]);
    if (++count < n) return false;
    count = 0;
    return true;
  });
}

std::string Decimation::describe() const {
  return detail::Description("Decimation").add("n", n).done();
}

}  // namespace ranvier
