#include "ranvier/data/events/events.h"

#include <limits>

#include "tests/support/catch.h"
#include "tests/support/events.h"

namespace ranvier::test {

TEST_CASE("sorting by time keeps events of one time in their order") {
  for (const std::int64_t range : {1, 3, 255, 256, 70000, 1 << 30})
    for (const std::int64_t first : {std::int64_t{0}, std::int64_t{-40000}, -max_time}) {
      RandomStream random({.seed = 9}, range);
      Events events;
      for (std::int16_t i = 0; i < 1000; ++i)
        events.push_back(first + random.below(range), i, static_cast<std::int16_t>(2 * i),
                         static_cast<std::uint8_t>(i % 2));
      const Events before = events;
      sort_by_time(events);
      bool right = true;
      for (std::size_t i = 0; i < 1000; ++i) {
        const auto from = static_cast<std::size_t>(events.x[i]);
        right = right && events.t[i] == before.t[from] && events.y[i] == before.y[from] &&
                events.p[i] == before.p[from];
        if (i > 0)
          right = right && (events.t[i - 1] < events.t[i] ||
                            (events.t[i - 1] == events.t[i] && events.x[i - 1] < events.x[i]));
      }
      INFO("times from " << first << ", range " << range);
      CHECK(right);
    }
}

TEST_CASE("sorting by time takes any times") {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  Events events = events_at({most, 0, least, -1, most, 1});
  sort_by_time(events);
  CHECK(events.t == std::vector<std::int64_t>{least, -1, 0, 1, most, most});
  Events none;
  sort_by_time(none);
  CHECK(none.empty());
}

TEST_CASE("keep_if keeps what is accepted, in its order") {
  Events events;
  for (std::int16_t i = 0; i < 10; ++i) events.push_back(i, i, i, static_cast<std::uint8_t>(i % 2));
  keep_if(events, [&](std::int64_t i) { return events.t[static_cast<std::size_t>(i)] % 3 == 0; });
  CHECK(events.t == std::vector<std::int64_t>{0, 3, 6, 9});
  CHECK(events.x == std::vector<std::int16_t>{0, 3, 6, 9});
  CHECK(events.y == std::vector<std::int16_t>{0, 3, 6, 9});
  CHECK(events.p == std::vector<std::uint8_t>{0, 1, 0, 1});
}

}  // namespace ranvier::test
