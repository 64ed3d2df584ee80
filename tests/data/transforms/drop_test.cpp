#include "ranvier/data/transforms/drop.h"

#include <algorithm>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using Times = std::vector<std::int64_t>;

Events ascending(std::int64_t count) {
  Events events;
  for (std::int64_t t = 0; t < count; ++t) events.push_back(t, 0, 0, 1);
  return events;
}

/// One event on each pixel.
Events one_each(const Sensor& sensor) {
  Events events;
  for (std::int16_t y = 0; y < sensor.height; ++y)
    for (std::int16_t x = 0; x < sensor.width; ++x) events.push_back(0, x, y, 1);
  return events;
}

}  // namespace

TEST_CASE("DropEvent drops exactly the fraction it is given") {
  for (const double p : {0.0, 0.1, 0.25, 0.5, 0.96, 1.0})
    for (std::int64_t sample = 0; sample < 20; ++sample) {
      const Events kept = transformed(DropEvent{.p = p}, ascending(50), {}, {}, sample);
      CHECK(kept.size() == 50 - static_cast<std::int64_t>(p * 50 + 0.5));
      CHECK(std::adjacent_find(kept.t.begin(), kept.t.end(), std::greater_equal<>()) ==
            kept.t.end());
    }
}

TEST_CASE("DropEvent drops each event as often as any other") {
  std::vector<int> kept(10, 0);
  for (std::int64_t sample = 0; sample < 5000; ++sample)
    for (const std::int64_t t : transformed(DropEvent{.p = 0.4}, ascending(10), {}, {}, sample).t)
      ++kept[static_cast<std::size_t>(t)];
  for (const int count : kept) CHECK(std::abs(count - 3000) < 150);
}

TEST_CASE("a range of fractions is drawn for every recording") {
  std::set<std::int64_t> sizes;
  for (std::int64_t sample = 0; sample < 500; ++sample)
    sizes.insert(transformed(DropEvent{.p = {0.2, 0.4}}, ascending(20), {}, {}, sample).size());
  CHECK(sizes == std::set<std::int64_t>{12, 13, 14, 15, 16});
}

TEST_CASE("DropEventByTime drops one part of the recording, anywhere in it") {
  std::set<std::int64_t> begins;
  for (std::int64_t sample = 0; sample < 2000; ++sample) {
    // From -50 to 50: the part lies inside, whatever the times count from.
    Events events;
    for (std::int64_t t = -50; t <= 50; ++t) events.push_back(t, 0, 0, 1);
    const Times kept =
        transformed(DropEventByTime{.duration_ratio = 0.2}, events, {}, {}, sample).t;
    CHECK(kept.size() == 81);
    std::int64_t begin = -50;
    for (const std::int64_t t : kept) {
      if (t != begin) break;
      ++begin;
    }
    CHECK((kept.back() == 50 || begin == 31));
    CHECK(std::find(kept.begin(), kept.end(), begin + 20) != kept.end());
    begins.insert(begin);
  }
  CHECK(begins.size() >= 80);
}

TEST_CASE("DropEventByTime leaves recordings without a duration alone") {
  CHECK(transformed(DropEventByTime{}, events_at({7, 7, 7}), {}).t == Times{7, 7, 7});
  CHECK(transformed(DropEventByTime{.duration_ratio = 0}, ascending(9), {}) == ascending(9));
}

TEST_CASE("DropEventByArea drops a rectangle, at every place") {
  const Sensor sensor{10, 5, 1};
  std::set<std::pair<int, int>> places;
  for (std::int64_t sample = 0; sample < 1000; ++sample) {
    const Events kept =
        transformed(DropEventByArea{.area_ratio = 0.4}, one_each(sensor), sensor, {}, sample);
    CHECK(kept.size() == 50 - 4 * 2);
    std::set<std::pair<int, int>> gone;
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 10; ++x) gone.insert({x, y});
    for (std::size_t i = 0; i < kept.t.size(); ++i) gone.erase({kept.x[i], kept.y[i]});
    CHECK(gone.rbegin()->first - gone.begin()->first == 3);
    CHECK(gone.rbegin()->second - gone.begin()->second == 1);
    places.insert(*gone.begin());
  }
  CHECK(places.size() == 7 * 4);
}

TEST_CASE("DropEventByArea drops some of a row of channels") {
  const Sensor sensor{.width = 100};
  CHECK(transformed(DropEventByArea{.area_ratio = 0.29}, one_each(sensor), sensor).size() == 71);
  CHECK(transformed(DropEventByArea{.area_ratio = 0}, one_each(sensor), sensor).size() == 100);
  CHECK(transformed(DropEventByArea{.area_ratio = 1}, one_each(sensor), sensor).size() == 0);
}

TEST_CASE("DropPixel drops the pixels it is told and those that are too hot") {
  const Sensor sensor{3, 2, 1};
  const Events few =
      transformed(DropPixel{.coordinates = {{0, 0}, {2, 1}}}, one_each(sensor), sensor);
  CHECK(few.x == std::vector<std::int16_t>{1, 2, 0, 1});
  CHECK(few.y == std::vector<std::int16_t>{0, 0, 1, 1});

  Events events;  // two seconds: 10 events of one pixel, 11 of another
  for (std::int64_t i = 0; i <= 20; ++i)
    events.push_back(i * 100000, static_cast<std::int16_t>(1 + i % 2), 1, 1);
  const EventTransform cool = DropPixel{.hot_pixel_frequency = 5};
  CHECK(transformed(cool, events, sensor).x == std::vector<std::int16_t>(10, 2));
  CHECK(transformed(cool, events_at({1, 1, 1}), sensor).size() == 3);
}

TEST_CASE("RandomDropPixel drops pixels with all their events") {
  const Sensor sensor{100, 100, 1};
  Events twice = one_each(sensor);
  for (std::size_t i = 0; i < 10000; ++i) twice.push_back(1, twice.x[i], twice.y[i], 1);
  const Events kept = transformed(RandomDropPixel{.p = 0.3}, twice, sensor);
  CHECK(std::abs(kept.size() - 14000) < 400);
  const auto half = static_cast<std::size_t>(kept.size() / 2);
  CHECK(std::equal(kept.x.begin(), kept.x.begin() + static_cast<std::ptrdiff_t>(half),
                   kept.x.begin() + static_cast<std::ptrdiff_t>(half)));
}

TEST_CASE("drops that make no sense are refused") {
  const Sensor sensor{3, 2, 1};
  CHECK_ERROR(DropEvent{.p = 1.5}.sensor_after(sensor), invalid,
              "[drop_event] p must be a number in [0, 1], or two in ascending order; got 1.5.");
  CHECK_ERROR((DropEvent{.p = {0.5, 0.1}}.sensor_after(sensor)), invalid, "got {0.5, 0.1}.");
  CHECK_ERROR(DropEventByTime{.duration_ratio = -1}.sensor_after(sensor), invalid,
              "[drop_event_by_time] duration_ratio must be a number in [0, 1]");
  CHECK_ERROR(DropEventByArea{.area_ratio = 2}.sensor_after(sensor), invalid,
              "[drop_event_by_area] area_ratio must be a number in [0, 1]");
  CHECK_ERROR((DropPixel{.coordinates = {{3, 0}}}.sensor_after(sensor)), invalid,
              "[drop_pixel] coordinates must be inside the sensor of 3x2x1; got (3, 0).");
  CHECK_ERROR(DropPixel{.hot_pixel_frequency = -1}.sensor_after(sensor), invalid,
              "[drop_pixel] hot_pixel_frequency must be >= 0; got -1.");
  CHECK_ERROR(RandomDropPixel{.p = -0.5}.sensor_after(sensor), invalid,
              "[random_drop_pixel] p must be in [0, 1]; got -0.5.");
}

}  // namespace ranvier::test
