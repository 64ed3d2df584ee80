#include "ranvier/core/graph_recording.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

TEST_CASE("a recording is its thread's while it is alive") {
  CHECK(GraphRecording::current() == nullptr);
  std::vector<std::shared_ptr<const void>> kept;
  {
    GraphRecording recording(kept);
    CHECK(GraphRecording::current() == &recording);
    CHECK_ERROR(GraphRecording(kept), ErrorCode::invalid_argument,
                "recorded already on this thread");
    CHECK(GraphRecording::current() == &recording);
  }
  CHECK(GraphRecording::current() == nullptr);
}

TEST_CASE("what recorded work needs outlives the recording") {
  const auto thing = std::make_shared<int>(1);
  std::vector<std::shared_ptr<const void>> kept;
  {
    GraphRecording recording(kept);
    recording.keep(thing);
  }
  CHECK(thing.use_count() == 2);
  kept.clear();
  CHECK(thing.use_count() == 1);
}

TEST_CASE("streams are led back at the end of a recording and not if it fails") {
  std::vector<std::shared_ptr<const void>> kept;
  std::vector<int> calls;
  const auto held = std::make_shared<int>(0);
  const auto record = [&](bool fails) {
    GraphRecording recording(kept);
    recording.before_end([&calls, held] { calls.push_back(1); });
    recording.before_end([&calls, held] { calls.push_back(2); });
    CHECK(calls.empty());
    if (!fails) recording.end();
  };
  record(true);
  CHECK(calls.empty());
  CHECK(held.use_count() == 1);
  record(false);
  CHECK(calls == std::vector<int>{1, 2});
  CHECK(held.use_count() == 1);
}
