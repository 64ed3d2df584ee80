#include "ranvier/data/transforms/denoise.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using Times = std::vector<std::int64_t>;
const Sensor sensor{5, 4, 2};

}  // namespace

TEST_CASE("Denoise keeps events that a neighbour saw coming") {
  Events events;
  events.push_back(0, 1, 1, 1);    // nothing before
  events.push_back(99, 2, 1, 0);   // right of it, in time
  events.push_back(199, 2, 2, 1);  // 100 after the one above it: too late
  events.push_back(200, 1, 2, 1);  // left of the one that was not kept
  events.push_back(201, 3, 3, 1);  // only a diagonal neighbour
  events.push_back(202, 3, 3, 1);  // its own pixel does not count
  events.push_back(203, 4, 3, 1);
  CHECK(transformed(Denoise{.filter_time = 100}, events, sensor).t == Times{99, 200, 203});
}

TEST_CASE("Denoise takes nothing for granted at the start") {
  // Tonic keeps all events before filter_time.
  CHECK(transformed(Denoise{.filter_time = 150}, events_at({0, 100, 200}), sensor).empty());
  CHECK(transformed(Denoise{.filter_time = 150}, events_at({-100, -50}), sensor).empty());
}

TEST_CASE("Denoise does not see around the edges of the sensor") {
  Events events;
  events.push_back(0, 4, 0, 1);
  events.push_back(1, 0, 1, 1);
  events.push_back(2, 0, 3, 1);
  events.push_back(3, 0, 0, 1);  // a neighbour of (0, 1)
  CHECK(transformed(Denoise{.filter_time = 100}, events, sensor).t == Times{3});
}

TEST_CASE("RefractoryPeriod keeps a pixel's first event and those after a pause") {
  // Tonic drops an event at 0, and all before delta.
  const Events events = events_at({0, 100, 200, 301, 401, 402, 700});
  CHECK(transformed(RefractoryPeriod{.delta = 100}, events, sensor).t == Times{0, 301, 700});
  CHECK(transformed(RefractoryPeriod{.delta = 100, .since_kept = true}, events, sensor).t ==
        Times{0, 200, 301, 402, 700});
  CHECK(transformed(RefractoryPeriod{.delta = 0}, events_at({1, 1, 2}), sensor).t == Times{1, 2});
}

TEST_CASE("RefractoryPeriod knows pixels apart, not polarities") {
  Events events;
  events.push_back(0, 0, 0, 0);
  events.push_back(1, 0, 0, 1);
  events.push_back(2, 0, 1, 1);
  events.push_back(3, 1, 0, 1);
  CHECK(transformed(RefractoryPeriod{.delta = 100}, events, sensor).t == Times{0, 2, 3});
}

TEST_CASE("Decimation keeps every n-th event of a pixel") {
  Events events;
  for (std::int64_t t = 0; t < 14; ++t) events.push_back(t, static_cast<std::int16_t>(t % 2), 0, 1);
  CHECK(transformed(Decimation{.n = 3}, events, sensor).t == Times{4, 5, 10, 11});
  CHECK(transformed(Decimation{.n = 1}, events, sensor) == events);
}

TEST_CASE("filters that make no sense are refused") {
  CHECK_ERROR(Denoise{.filter_time = 0}.sensor_after(sensor), invalid,
              "[denoise] filter_time must be in [1, 9007199254740992]; got 0.");
  CHECK_ERROR(RefractoryPeriod{.delta = -1}.sensor_after(sensor), invalid,
              "[refractory_period] delta must be in [0, 9007199254740992]; got -1.");
  CHECK_ERROR(Decimation{.n = 0}.sensor_after(sensor), invalid,
              "[decimation] n must be >= 1; got 0.");
}

}  // namespace ranvier::test
