#include "ranvier/data/transforms/downsample.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// An event on each channel.
Events channels(std::int64_t width) {
  Events events;
  for (std::int64_t x = 0; x < width; ++x) events.push_back(x, static_cast<std::int16_t>(x), 0, 1);
  return events;
}

}  // namespace

TEST_CASE("a spatial factor of 1/n takes n channels together, for every n") {
  for (std::int64_t n = 1; n <= 700; ++n) {
    const EventTransform down = Downsample{.spatial_factor = 1.0 / static_cast<double>(n)};
    const Sensor sensor{.width = 700};
    CHECK(down.sensor_after(sensor).width == (700 + n - 1) / n);
    const Events events = transformed(down, channels(700), sensor);
    bool right = true;
    for (std::int64_t x = 0; x < 700; ++x)
      right = right && events.x[static_cast<std::size_t>(x)] == x / n;
    INFO("1/" << n);
    CHECK(right);
  }
}

TEST_CASE("a target size divides exactly, also on the largest sensors") {
  for (const std::int64_t width : {3, 700, 32767, 32768})
    for (const std::int64_t target :
         {std::int64_t{1}, width / 3, width / 2 + 1, width - 1, width}) {
      const EventTransform down = Downsample{.target_width = target};
      const Sensor sensor{.width = width};
      CHECK(down.sensor_after(sensor).width == target);
      const Events events = transformed(down, channels(width), sensor);
      bool right = true;
      for (std::int64_t x = 0; x < width; ++x)
        right = right && events.x[static_cast<std::size_t>(x)] == x * target / width;
      INFO(width << " to " << target);
      CHECK(right);
    }
}

TEST_CASE("times far from 0 are rounded down as a division does") {
  for (const std::int64_t far : {std::int64_t{1'800'000'000'000'000}, max_time / 2, max_time})
    for (const std::int64_t n : {2, 3, 7, 1000, 4093}) {
      const std::int64_t k = far / n - 1;
      Events events;
      for (const std::int64_t t : {-k * n - 1, -k * n, k * n - 1, k * n, k * n + n - 1})
        events.push_back(t, 0, 0, 1);
      const Downsample by{.time_factor = 1.0 / static_cast<double>(n)};
      INFO("1/" << n << " of " << far);
      CHECK(transformed(by, events, {}).t == std::vector<std::int64_t>{-k - 1, -k, k - 1, k, k});
    }
}

TEST_CASE("both axes and times are scaled, and no event is lost") {
  const Sensor sensor{34, 20, 2};
  const EventTransform down = Downsample{.time_factor = 0.001, .spatial_factor = 0.5};
  CHECK(down.sensor_after(sensor) == Sensor{17, 10, 2});
  Events events;
  events.push_back(-1, 33, 19, 0);
  events.push_back(1999, 33, 19, 0);
  events.push_back(2000, 1, 0, 1);
  events.push_back(2000, 1, 0, 1);
  const Events after = transformed(down, events, sensor);
  CHECK(after.t == std::vector<std::int64_t>{-1, 1, 2, 2});
  CHECK(after.x == std::vector<std::int16_t>{16, 16, 0, 0});
  CHECK(after.y == std::vector<std::int16_t>{9, 9, 0, 0});
  CHECK(after.p == events.p);
  CHECK(Downsample{.target_height = 10}.sensor_after(sensor) == Sensor{34, 10, 2});
}

TEST_CASE("a time factor of 1/n rounds down as a division does") {
  for (std::int64_t n = 1; n < 500; ++n) {
    Events events;
    for (std::int64_t k = -20; k < 200; ++k) {
      events.push_back(k * n, 0, 0, 1);
      events.push_back(k * n + n - 1, 0, 0, 1);
    }
    const Events after =
        transformed(Downsample{.time_factor = 1.0 / static_cast<double>(n)}, events, {});
    bool right = true;
    for (std::int64_t k = -20; k < 200; ++k) {
      const auto at = static_cast<std::size_t>(2 * (k + 20));
      right = right && after.t[at] == k && after.t[at + 1] == k;
    }
    INFO("1/" << n);
    CHECK(right);
  }
}

TEST_CASE("sizes and factors that make no sense are refused") {
  const Sensor sensor{5, 4, 2};
  const auto check = [&](const Downsample& down) { return down.sensor_after(sensor); };
  CHECK_ERROR(check({.time_factor = 0}), invalid, "[downsample] time_factor must be > 0; got 0.");
  CHECK_ERROR(check({.time_factor = INFINITY}), invalid, "time_factor must be > 0; got inf.");
  CHECK_ERROR(check({.spatial_factor = 1.5}), invalid,
              "[downsample] spatial_factor must be in (0, 1]; got 1.5.");
  CHECK_ERROR(check({.spatial_factor = NAN}), invalid, "got nan.");
  CHECK_ERROR(check({.target_width = 6}), invalid,
              "[downsample] the target must not be larger than the sensor of 5x4x2; got 6x0.");
  CHECK_ERROR(check({.spatial_factor = 0.5, .target_width = 3}), invalid,
              "[downsample] either spatial_factor or a target can be given, not both.");
}

}  // namespace ranvier::test
