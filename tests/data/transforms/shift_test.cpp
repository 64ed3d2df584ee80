#include "ranvier/data/transforms/shift.h"

#include <set>

#include "ranvier/data/transforms/transform.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier {
namespace {

const Sensor sensor{10, 8, 2};

/// One event in the middle and one in each of two corners.
Events some_events() {
  Events events;
  events.push_back(1, 5, 4, 0);
  events.push_back(2, 0, 0, 1);
  events.push_back(3, 9, 7, 0);
  return events;
}

Events shifted(const RandomShift& shift, std::int64_t sample) {
  Events events = some_events();
  RandomStream random({.seed = 3, .epoch = 1}, sample);
  shift(events, sensor, random);
  return events;
}

}  // namespace

TEST_CASE("a shift moves a recording as a whole, to every place it may, and drops what leaves") {
  std::set<std::pair<int, int>> places;
  for (std::int64_t sample = 0; sample < 400; ++sample) {
    const Events events = shifted({.x = 2, .y = 1}, sample);
    const int right = events.x[0] - 5, down = events.y[0] - 4;
    places.insert({right, down});
    const bool keeps_first_corner = right >= 0 && down >= 0;
    const bool keeps_last_corner = right <= 0 && down <= 0;
    REQUIRE(events.size() == 1 + keeps_first_corner + keeps_last_corner);
    if (keeps_first_corner) {
      CHECK(events.x[1] == right);
      CHECK(events.y[1] == down);
      CHECK(events.t[1] == 2);
      CHECK(events.p[1] == 1);
    }
  }
  CHECK(places.size() == 5 * 3);
  CHECK(*places.begin() == std::pair(-2, -1));
  CHECK(*places.rbegin() == std::pair(2, 1));
}

TEST_CASE("a shift by nothing changes nothing, and none is drawn where the sensor has one row") {
  CHECK(shifted({}, 7) == some_events());
  Events events;
  events.push_back(0, 350, 0, 1);
  RandomStream random({}, 0);
  RandomShift{.x = 20}(events, {700, 1, 1}, random);
  REQUIRE(events.size() == 1);
  CHECK(std::abs(events.x[0] - 350) <= 20);
  CHECK(events.y[0] == 0);
}

TEST_CASE("a shift that is negative or wider than the sensor is refused") {
  for (const RandomShift& wrong : {RandomShift{.x = -1}, {.x = 10}, {.y = -1}, {.y = 8}})
    CHECK_ERROR(wrong.sensor_after(sensor), ErrorCode::invalid_argument,
                "[random_shift] x and y must be >= 0 and smaller than the sensor of 10x8x2; got ");
  CHECK(RandomShift{.x = 9, .y = 7}.sensor_after(sensor) == sensor);
  CHECK(EventTransform(RandomShift{.x = 2, .y = 1}).describe() == "RandomShift(x=2, y=1)");
  CHECK(EventTransform(RandomShift{}).is_random());
}

}  // namespace ranvier
