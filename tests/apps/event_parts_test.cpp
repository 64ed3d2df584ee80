// Which recordings are trained on and tested on.
#include "apps/tasks/event_parts.h"

#include <algorithm>

#include "ranvier/data/event_sets/spike_file_writer.h"
#include "ranvier/data/events/memory_recordings.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::apps {
namespace {

/// Recording i has one event, at time i.
std::shared_ptr<const Recordings> numbered(std::vector<std::int64_t> labels) {
  std::vector<Events> events(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    events[i].push_back(static_cast<std::int64_t>(i), 0, 0, 1);
  return std::make_shared<MemoryRecordings>("numbered", Sensor{.width = 4}, std::move(events),
                                            std::move(labels),
                                            std::vector<std::string>{"a", "b", "c"});
}

std::vector<std::int64_t> numbers(const Recordings& recordings) {
  std::vector<std::int64_t> found;
  Events events;
  for (std::int64_t i = 0; i < recordings.size(); ++i) {
    recordings.read(i, events);
    found.push_back(events.t.at(0));
  }
  return found;
}

}  // namespace

TEST_CASE("the last recordings of every class are held out, and none is trained on") {
  const auto all = numbered({0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0});  // 8 of a, 4 of b, none of c
  const EventParts parts = hold_out(all, 0.25);
  CHECK(numbers(*parts.test) == std::vector<std::int64_t>{7, 10, 11});
  CHECK(numbers(*parts.train) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 8, 9});
  CHECK(parts.test->label(0) == 1);
  CHECK(parts.test->label(1) == 0);
  CHECK(parts.test->classes() == all->classes());
  CHECK(parts.train->name() == "numbered");
  CHECK(parts.test->name() == "numbered, held out");
}

TEST_CASE("parts of recordings differ in identity, so that no cache takes one for another") {
  const auto all = numbered({0, 1, 0, 1, 0, 1, 0, 1});
  const EventParts quarter = hold_out(all, 0.25), half = hold_out(all, 0.5);
  std::vector<std::string> identities{all->identity(),
                                      first_recordings(all, 6)->identity(),
                                      first_recordings(all, 4)->identity(),
                                      quarter.train->identity(),
                                      quarter.test->identity(),
                                      half.train->identity(),
                                      half.test->identity()};
  std::sort(identities.begin(), identities.end());
  CHECK(std::adjacent_find(identities.begin(), identities.end()) == identities.end());
}

TEST_CASE("the first recordings are as many as asked for, or all") {
  const auto all = numbered({0, 1, 2, 0});
  CHECK(numbers(*first_recordings(all, 3)) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(first_recordings(all, 0) == all);
  CHECK(first_recordings(all, 4) == all);
  Events events;
  CHECK_ERROR(first_recordings(all, 3)->read(3, events), ErrorCode::invalid_argument,
              "recording 3 is out of range; there are 3");
}

TEST_CASE("a part to hold out must leave recordings on both sides") {
  const auto all = numbered({0, 1, 2, 0});
  CHECK_ERROR(hold_out(all, 1), ErrorCode::invalid_argument,
              "--validation must be in (0, 1); got 1.");
  CHECK_ERROR(hold_out(all, -0.5), ErrorCode::invalid_argument, "got -0.5.");
  CHECK_ERROR(hold_out(all, 0.1), ErrorCode::invalid_argument,
              "--validation 0.1 of the 4 recordings of numbered leaves 4 to train on and 0 to test "
              "on; both must have some.");
}

TEST_CASE("with a part held out, the test recordings are not even opened") {
  const test::TemporaryFolder folder;
  SpikeFileWriter writer(folder / "train.h5", {"a", "b"}, {.channels = 700});
  Events events;
  events.push_back(5, 3, 0, 1);
  for (std::int64_t i = 0; i < 8; ++i) writer.append(events, i % 2);
  writer.finish();
  const TrainOptions train{.data_dir = folder.path()};
  const EventParts parts = open_event_parts("fsdd", train, {.validation = 0.25});
  CHECK(parts.train->size() == 6);
  CHECK(parts.test->size() == 2);
  CHECK_ERROR(open_event_parts("fsdd", train, {}), ErrorCode::io, "there is no test.h5");
}

}  // namespace ranvier::apps
