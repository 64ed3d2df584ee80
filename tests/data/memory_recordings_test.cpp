#include "ranvier/data/events/memory_recordings.h"

#include <set>

#include "tests/data/event_examples.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

MemoryRecordings one(std::int64_t t, std::int16_t x, std::uint8_t p = 1, std::int64_t label = 0) {
  Events events;
  events.push_back(5, 0, 0, 1);
  events.push_back(t, x, 0, p);
  return MemoryRecordings("demo", {.width = 4}, {events}, {label}, {"a", "b"});
}

}  // namespace

TEST_CASE("recordings in memory give what they were given") {
  const MemoryRecordings recordings = one(7, 3, 1, 1);
  Events events;
  recordings.read(0, events);
  CHECK(events.t == std::vector<std::int64_t>{5, 7});
  CHECK(events.x == std::vector<std::int16_t>{0, 3});
  CHECK(recordings.label(0) == 1);
  CHECK(recordings.size() == 1);
  CHECK_ERROR(recordings.read(1, events), invalid,
              "[demo] recording 1 is out of range; there are 1.");
  CHECK_ERROR(recordings.label(-1), invalid, "[demo] recording -1 is out of range");
}

TEST_CASE("the identity of recordings in memory changes with every column and label") {
  const std::string identity = one(7, 3).identity();
  CHECK(one(7, 3).identity() == identity);
  CHECK(one(8, 3).identity() != identity);
  CHECK(one(7, 2).identity() != identity);
  CHECK(one(7, 3, 0).identity() != identity);
  CHECK(one(7, 3, 1, 1).identity() != identity);
}

TEST_CASE("every recording in memory is part of the identity, whatever follows it") {
  for (const std::int64_t last : {0, 1, 2, 3, 8}) {
    std::set<std::string> identities;
    for (std::int64_t first = 0; first < 100; ++first) {
      Events a, b;
      a.push_back(first, 0, 0, 1);
      for (std::int64_t i = 0; i < last; ++i) b.push_back(last, 2, 0, 1);
      identities.insert(MemoryRecordings("demo", {.width = 4}, {a, b}, {0, 0}, {"a"}).identity());
    }
    INFO(last << " events");
    CHECK(identities.size() == 100);
  }
}

TEST_CASE("recordings in memory that do not hold what the others promise are refused") {
  CHECK_ERROR(one(4, 3), invalid,
              "[demo] recording 0: time runs backwards at event 1, from 5 to 4 us.");
  CHECK_ERROR(one(max_time + 1, 3), invalid,
              "[demo] recording 0: its times, from 5 to 4503599627370497 us, must be within "
              "4503599627370496 us of 0.");
  CHECK_ERROR(one(7, 4), invalid,
              "[demo] recording 0: event 1 is at (4, 0), of polarity 1, outside");
  CHECK_ERROR(one(7, -1), invalid,
              "[demo] recording 0: event 1 is at (-1, 0), of polarity 1, outside the sensor of 4.");
  CHECK_ERROR(one(7, 3, 2), invalid,
              "[demo] recording 0: event 1 is at (3, 0), of polarity 2, outside the sensor of 4.");
  CHECK_ERROR(one(7, 3, 1, 2), invalid, "[demo] labels must be in [0, 2); got 2 for recording 0.");
  CHECK_ERROR(MemoryRecordings("demo", {}, {Events{}}, {}, {"a"}), invalid,
              "[demo] every recording must have a label; got 1 recordings and 0 labels.");
}

}  // namespace ranvier::test
