#include "ranvier/data/transforms/crop.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using Times = std::vector<std::int64_t>;

/// One event on each pixel.
Events one_each(const Sensor& sensor) {
  Events events;
  for (std::int64_t y = 0; y < sensor.height; ++y)
    for (std::int64_t x = 0; x < sensor.width; ++x)
      events.push_back(10 * y + x, static_cast<std::int16_t>(x), static_cast<std::int16_t>(y), 1);
  return events;
}

}  // namespace

TEST_CASE("CropTime keeps both of its ends and moves nothing") {
  const Events events = events_at({-5, 0, 10, 10, 20, 21});
  CHECK(transformed(CropTime{.max = 20}, events, {}).t == Times{0, 10, 10, 20});
  CHECK(transformed(CropTime{.min = -10, .max = 10}, events, {}).t == Times{-5, 0, 10, 10});
  CHECK(transformed(CropTime{.min = 11, .max = 19}, events, {}).t == Times{});
  CHECK(transformed(CropTime{.min = 10}, events, {}).t == Times{10, 10, 20, 21});
}

TEST_CASE("CropTime without a maximum keeps longer recordings after shorter ones") {
  // Tonic's stays at the first recording's last time.
  const EventTransform crop = CropTime{};
  CHECK(transformed(crop, events_at({1, 2}), {}).t == Times{1, 2});
  CHECK(transformed(crop, events_at({1, 2, 300}), {}).t == Times{1, 2, 300});
}

TEST_CASE("Crop keeps its rectangle and counts pixels from its corner") {
  const Sensor sensor{5, 4, 1};
  const Events events =
      transformed(Crop{.x = 1, .y = 2, .width = 3, .height = 2}, one_each(sensor), sensor);
  CHECK(events.t == Times{21, 22, 23, 31, 32, 33});
  CHECK(events.x == std::vector<std::int16_t>{0, 1, 2, 0, 1, 2});
  CHECK(events.y == std::vector<std::int16_t>{0, 0, 0, 1, 1, 1});
}

TEST_CASE("CenterCrop keeps the middle, or puts the sensor there") {
  const Sensor sensor{5, 4, 1};
  CHECK(transformed(CenterCrop{.width = 3, .height = 2}, one_each(sensor), sensor).t ==
        Times{11, 12, 13, 21, 22, 23});
  const Events padded = transformed(CenterCrop{.width = 7, .height = 2}, one_each(sensor), sensor);
  CHECK(padded.t == Times{10, 11, 12, 13, 14, 20, 21, 22, 23, 24});
  CHECK(padded.x == std::vector<std::int16_t>{1, 2, 3, 4, 5, 1, 2, 3, 4, 5});
  CHECK(padded.y == std::vector<std::int16_t>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
}

TEST_CASE("RandomCrop draws every place and keeps what lies there") {
  const Sensor sensor{5, 4, 1};
  const EventTransform crop = RandomCrop{.width = 3, .height = 2};
  std::set<std::int64_t> corners;
  for (std::int64_t sample = 0; sample < 300; ++sample) {
    const Events events = transformed(crop, one_each(sensor), sensor, {}, sample);
    const std::int64_t corner = events.t.front();
    CHECK(events.t == Times{corner, corner + 1, corner + 2, corner + 10, corner + 11, corner + 12});
    CHECK(events.x == std::vector<std::int16_t>{0, 1, 2, 0, 1, 2});
    corners.insert(corner);
  }
  CHECK(corners == std::set<std::int64_t>{0, 1, 2, 10, 11, 12, 20, 21, 22});
}

TEST_CASE("crops that make no sense are refused") {
  const Sensor sensor{5, 4, 2};
  CHECK_ERROR((CropTime{.min = 2, .max = 1}.sensor_after(sensor)), invalid,
              "[crop_time] min must be <= max; got 2 and 1.");
  CHECK_ERROR((Crop{.x = 3, .y = 1, .width = 3, .height = 2}.sensor_after(sensor)), invalid,
              "[crop] the rectangle must lie inside the sensor of 5x4x2; got 3x2 at (3, 1).");
  CHECK_ERROR(Crop{}.sensor_after(sensor), invalid, "got 0x1 at (0, 0).");
  CHECK_ERROR(CenterCrop{.width = 40000}.sensor_after(sensor), invalid,
              "[center_crop] width and height must be in [1, 32768]; got 40000x1.");
  CHECK_ERROR(RandomCrop{.width = 6}.sensor_after(sensor), invalid,
              "[random_crop] the rectangle must be no larger than the sensor of 5x4x2; got 6x1.");
  // Whoever does not ask for the sensor hears of it all the same.
  CHECK_ERROR(transformed(RandomCrop{.width = 6}, {}, sensor), invalid, "[random_crop]");
}

}  // namespace ranvier::test
