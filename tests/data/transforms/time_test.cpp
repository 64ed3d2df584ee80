#include "ranvier/data/transforms/time.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using Times = std::vector<std::int64_t>;
const Sensor sensor{5, 4, 2};

}  // namespace

TEST_CASE("TimeSkew scales, shifts and rounds to the nearest microsecond") {
  const Events events = events_at({-10, 0, 3, 10});
  CHECK(transformed(TimeSkew{.coefficient = 1.5, .offset = 100}, events, sensor).t ==
        Times{85, 100, 105, 115});
  CHECK(transformed(TimeSkew{.coefficient = 0.5, .offset = -4}, events, sensor).t ==
        Times{-9, -4, -2, 1});
  CHECK(transformed(TimeSkew{}, events, sensor) == events);
}

TEST_CASE("a skew that is a range is drawn once for a recording") {
  bool differs = false;
  for (std::int64_t sample = 0; sample < 50; ++sample) {
    const Times t = transformed(TimeSkew{.coefficient = {0.5, 2}, .offset = {100, 200}},
                                events_at({0, 1000, 2000}), sensor, {}, sample)
                        .t;
    CHECK(t[0] >= 100);
    CHECK(t[0] <= 200);
    CHECK(t[1] - t[0] >= 500);
    CHECK(t[1] - t[0] <= 2000);
    CHECK(std::abs((t[2] - t[1]) - (t[1] - t[0])) <= 1);
    differs = differs || t[1] - t[0] > 1000;
  }
  CHECK(differs);
}

TEST_CASE("a reversed recording has its events in the other order, between the same ends") {
  Events events;
  events.push_back(100, 0, 0, 0);
  events.push_back(110, 1, 0, 0);
  events.push_back(150, 2, 0, 1);
  const Events back = transformed(RandomTimeReversal{.p = 1}, events, sensor);
  CHECK(back.t == Times{100, 140, 150});
  CHECK(back.x == std::vector<std::int16_t>{2, 1, 0});
  CHECK(back.p == std::vector<std::uint8_t>{0, 1, 1});
  CHECK(transformed(RandomTimeReversal{.p = 1, .flip_polarities = false}, events, sensor).p ==
        std::vector<std::uint8_t>{1, 0, 0});
  CHECK(transformed(RandomTimeReversal{.p = 1}, back, sensor) == events);
  CHECK(transformed(RandomTimeReversal{.p = 0}, events, sensor) == events);
  // The only polarity of a sensor stays what it is.
  CHECK(transformed(RandomTimeReversal{.p = 1}, events_at({1, 2}), {.width = 700}).p ==
        std::vector<std::uint8_t>{1, 1});
}

TEST_CASE("TimeAlignment puts the first event at 0") {
  CHECK(transformed(TimeAlignment{}, events_at({-70, -70, 30}), sensor).t == Times{0, 0, 100});
}

TEST_CASE("QuantiseTime rounds down, below 0 too") {
  CHECK(transformed(QuantiseTime{.unit = 10}, events_at({-11, -10, -1, 0, 9, 10, 25}), sensor).t ==
        Times{-20, -10, -10, 0, 0, 10, 20});
}

TEST_CASE("times that make no sense are refused") {
  CHECK_ERROR(TimeSkew{.coefficient = 0}.sensor_after(sensor), invalid,
              "[time_skew] coefficient must be > 0; got 0.");
  CHECK_ERROR(TimeSkew{.coefficient = -1}.sensor_after(sensor), invalid,
              "[time_skew] coefficient must be a number in [0, 1000000000000000]");
  CHECK_ERROR(TimeSkew{.offset = NAN}.sensor_after(sensor), invalid,
              "[time_skew] offset must be a number in [-4503599627370496, 4503599627370496], or "
              "two in ascending order; got {nan, nan}.");
  CHECK_ERROR(RandomTimeReversal{.p = 7}.sensor_after(sensor), invalid,
              "[random_time_reversal] p must be in [0, 1]; got 7.");
  CHECK_ERROR(QuantiseTime{.unit = 0}.sensor_after(sensor), invalid,
              "[quantise_time] unit must be in [1, 4503599627370496]; got 0.");
}

}  // namespace ranvier::test
