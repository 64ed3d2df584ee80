#include "ranvier/data/transforms/to_frame.h"

#include <limits>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using Sums = std::vector<double>;

/// Events at 0, 100, ..., 1000: the recording that Tonic's results are known for.
Events eleven() { return events_at({0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000}); }

Sums counts(const ToFrame& framing, const Events& events = eleven()) {
  return step_sums(to_tensor(framing, events, Sensor{}));
}

double sum(const Sums& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

}  // namespace

TEST_CASE("windows of time count as Tonic's do, and keep the last event") {
  CHECK(counts({.time_window = 300}) == Sums{3, 3, 3});
  CHECK(counts({.time_window = 300, .include_incomplete = true}) == Sums{3, 3, 3, 2});
  CHECK(counts({.time_window = 300, .overlap = 100}) == Sums{3, 3, 3, 3});
  // Tonic: 3, 2, 3, 2; it has no window for the event at 1000.
  CHECK(counts({.time_window = 250}) == Sums{3, 2, 3, 3});
  CHECK(counts({.time_window = 250, .include_incomplete = true}) == Sums{3, 2, 3, 3});
  CHECK(counts({.time_window = 5000}) == Sums{11});
}

TEST_CASE("bins of time cover the recording from the first to the last event") {
  // Tonic: 11 - 1; 4, 3, 3; 3, 2, 3, 2; and 4, 4, 4, 4 with windows that end at 937.
  CHECK(counts({.n_time_bins = 1}) == Sums{11});
  CHECK(counts({.n_time_bins = 3}) == Sums{4, 3, 4});
  CHECK(counts({.n_time_bins = 4}) == Sums{3, 2, 3, 3});
  CHECK(counts({.n_time_bins = 4, .overlap = 0.5}) == Sums{4, 4, 4, 5});
}

TEST_CASE("steps of equally many events count as Tonic's do") {
  CHECK(counts({.event_count = 4}) == Sums{4, 4});
  CHECK(counts({.event_count = 4, .include_incomplete = true}) == Sums{4, 4, 3});
  CHECK(counts({.event_count = 4, .overlap = 2}) == Sums{4, 4, 4, 4});
  CHECK(counts({.event_count = 40}) == Sums{11});
  // Tonic leaves out the rest of the division: 2, 2, 2, 2.
  CHECK(counts({.n_event_bins = 4}) == Sums{3, 3, 3, 2});
  CHECK(counts({.n_event_bins = 11}) == Sums(11, 1));
  CHECK(counts({.n_event_bins = 2, .overlap = 0.5}) == Sums{8, 7});
}

TEST_CASE("bins that overlap by a fraction begin and end where the fraction says") {
  // A bin of the first line has 500 us and begins 100 us after the one before it.
  CHECK(counts({.n_time_bins = 6, .overlap = 0.8}) == Sums{5, 5, 5, 5, 5, 6});
  CHECK(counts({.n_time_bins = 6, .overlap = 0.6}) == Sums{4, 3, 3, 4, 3, 4});
  CHECK(counts({.n_event_bins = 4, .overlap = 0.6}) == Sums{5, 5, 5, 5});
  CHECK(counts({.n_event_bins = 8, .overlap = 0.2}) == Sums{2, 1, 2, 2, 1, 2, 2, 1});
}

TEST_CASE("windows can begin at a fixed time, and their number can be fixed") {
  const Events events = events_at({1000, 1999, 2000, 4500});
  CHECK(counts({.time_window = 1000}, events) == Sums{2, 1, 0});
  CHECK(counts({.time_window = 1000, .start = 0}, events) == Sums{0, 2, 1, 0});
  CHECK(counts({.time_window = 1000, .include_incomplete = true, .start = 0}, events) ==
        Sums{0, 2, 1, 0, 1});
  CHECK(counts({.time_window = 1000, .start = 0, .fixed_steps = 3}, events) == Sums{0, 2, 1});
  CHECK(counts({.time_window = 1000, .start = 1500, .fixed_steps = 6}, events) ==
        Sums{2, 0, 0, 1, 0, 0});
  // A recording cropped to the last window's end keeps what happens there.
  CHECK(counts({.time_window = 1000, .start = 0, .fixed_steps = 2}, events_at({0, 2000})) ==
        Sums{1, 1});
}

TEST_CASE("recordings without events have zero frames of the usual shape") {
  const Sensor sensor{3, 2, 2};
  const auto shape = [&](const ToFrame& framing) {
    const Tensor frames = to_tensor(framing, {}, sensor);
    CHECK(sum(step_sums(frames)) == 0);
    return frames.shape();
  };
  CHECK(shape({.time_window = 10}) == Shape{1, 2, 3, 2});
  CHECK(shape({.time_window = 10, .include_incomplete = true, .start = -100}) == Shape{1, 2, 3, 2});
  CHECK(shape({.time_window = 10, .fixed_steps = 5}) == Shape{5, 2, 3, 2});
  CHECK(shape({.event_count = 10}) == Shape{1, 2, 3, 2});
  CHECK(shape({.n_time_bins = 4}) == Shape{4, 2, 3, 2});
  CHECK(shape({.n_event_bins = 4}) == Shape{4, 2, 3, 2});
}

TEST_CASE("events of one time are all in one step of time") {
  const Events events = events_at({5, 5, 5});
  CHECK(counts({.time_window = 1}, events) == Sums{3});
  CHECK(counts({.time_window = 1, .include_incomplete = true}, events) == Sums{3});
  CHECK(counts({.n_time_bins = 3}, events) == Sums{0, 0, 3});
  CHECK(counts({.n_event_bins = 3}, events) == Sums{1, 1, 1});
}

TEST_CASE("an event is counted at its pixel and polarity") {
  Events events;
  events.push_back(0, 2, 1, 0);
  events.push_back(0, 2, 1, 1);
  events.push_back(1, 2, 1, 1);
  const Tensor both = to_tensor(ToFrame{.n_time_bins = 1}, events, Sensor{3, 2, 2});
  CHECK(both.shape() == Shape{1, 2, 3, 2});
  CHECK(both.data<float>()[(1 * 3 + 2) * 2] == 1);
  CHECK(both.data<float>()[(1 * 3 + 2) * 2 + 1] == 2);
  const Tensor merged = to_tensor(ToFrame{.n_time_bins = 1}, events, Sensor{3, 2, 1});
  CHECK(merged.data<float>()[1 * 3 + 2] == 3);
  const Tensor channels =
      to_tensor(ToFrame{.n_time_bins = 1}, events_at({0, 1}), Sensor{.width = 700});
  CHECK(channels.shape() == Shape{1, 700});
  CHECK(channels.data<float>()[0] == 2);
}

TEST_CASE("the sum of frames is the number of events in range") {
  RandomStream random({.seed = 3}, 0);
  for (int round = 0; round < 300; ++round) {
    const Sensor sensor{1 + random.below(5), 1 + random.below(3), 1 + random.below(2)};
    const std::int64_t first = random.below(2000) - 1000, size = random.below(200);
    const Events events = random_events(sensor, size, static_cast<std::uint64_t>(round), first,
                                        first + random.below(1000));
    const auto all = static_cast<double>(size);
    const auto total = [&](const ToFrame& framing) {
      return sum(step_sums(to_tensor(framing, events, sensor)));
    };
    const std::int64_t length = 1 + random.below(300), count = 1 + random.below(50);
    INFO("round " << round << " window " << length << " count " << count);
    CHECK(total({.time_window = length, .include_incomplete = true}) == all);
    CHECK(total({.n_time_bins = count}) == all);
    CHECK(total({.n_event_bins = count}) == all);
    CHECK(total({.event_count = count, .include_incomplete = true}) == all);
    CHECK(total({.event_count = count}) == (size < count ? size : size / count * count));
    CHECK(total({.n_time_bins = count, .overlap = random.uniform()}) >= all);
    CHECK(total({.time_window = length,
                 .overlap = static_cast<double>(random.below(length)),
                 .include_incomplete = true}) >= all);

    const std::int64_t start = random.below(2000) - 1000;
    const std::int64_t end = start + length * count;
    const std::int64_t last = events.empty() ? start : events.t.back();
    const auto inside = [&](std::int64_t t) {
      return t >= start && (t < end || (t == end && t == last));
    };
    CHECK(total({.time_window = length, .start = start, .fixed_steps = count}) ==
          static_cast<double>(std::count_if(events.t.begin(), events.t.end(), inside)));
  }
}

TEST_CASE("frames go where their rows are told to, and the first ones alone if asked") {
  const Sensor sensor{.width = 2};
  std::vector<float> batch(4 * 6, -1.0f);  // [T = 4, B = 3, 2]
  ToFrame{.time_window = 250}.write(eleven(), sensor, {batch.data() + 2, 6, 3});
  CHECK(batch == std::vector<float>{-1, -1, 3,  0,  -1, -1,  //
                                    -1, -1, 2,  0,  -1, -1,  //
                                    -1, -1, 3,  0,  -1, -1,  //
                                    -1, -1, -1, -1, -1, -1});
}

TEST_CASE("options of ToFrame that make no sense are refused") {
  const Sensor sensor{3, 2, 2};
  const auto frame = [&](const ToFrame& framing) { return framing.frame(sensor); };
  CHECK_ERROR(frame({}), invalid,
              "[to_frame] exactly one of time_window, event_count, n_time_bins and n_event_bins "
              "must be given; got 0.");
  CHECK_ERROR(frame({.time_window = 1, .n_time_bins = 1}), invalid, "must be given; got 2.");
  CHECK_ERROR(frame({.time_window = -1}), invalid, "must be > 0 or left out; got -1.");
  CHECK_ERROR(frame({.n_time_bins = 2, .overlap = 1}), invalid,
              "[to_frame] overlap of bins is a fraction and must be in [0, 1); got 1.");
  CHECK_ERROR(frame({.time_window = 10, .overlap = 10}), invalid,
              "[to_frame] overlap must be a whole number in [0, 10), in microseconds as "
              "time_window; got 10.");
  CHECK_ERROR(frame({.event_count = 10, .overlap = 0.5}), invalid,
              "[to_frame] overlap must be a whole number in [0, 10), in events as event_count; "
              "got 0.5.");
  CHECK_ERROR(frame({.event_count = 10, .overlap = std::numeric_limits<double>::quiet_NaN()}),
              invalid, "got nan.");
  CHECK_ERROR(frame({.n_time_bins = 2, .include_incomplete = true}), invalid,
              "[to_frame] include_incomplete does not go with bins or fixed_steps");
  CHECK_ERROR(frame({.event_count = 2, .start = 0}), invalid,
              "[to_frame] start and fixed_steps go with time_window alone.");
  CHECK_ERROR(frame({.time_window = 2, .fixed_steps = -1}), invalid,
              "[to_frame] fixed_steps must be in [0, 16777216]; got -1.");
  CHECK_ERROR(frame({.time_window = max_time, .fixed_steps = 2}), invalid,
              "[to_frame] fixed_steps of time_window must be at most 4503599627370496 us in all");
  CHECK_ERROR(frame({.time_window = max_time + 1}), invalid, "time_window must be at most");
  CHECK_ERROR(frame({.time_window = 1, .start = max_time + 1}), invalid,
              "[to_frame] start must be within 4503599627370496 of 0");
  CHECK_ERROR(frame({.n_event_bins = 1 << 25}), invalid,
              "[to_frame] there must be at most 16777216 bins; got 33554432.");
  CHECK_ERROR(ToFrame{.time_window = 1}.steps(events_at({0, max_time})), invalid,
              "[to_frame] a recording from 0 to 4503599627370496 us has 4503599627370496 windows "
              "of 1 us; at most 16777216 are made: crop it, or take longer windows.");
  CHECK_ERROR(ToFrame{.event_count = 1}.windows(0, 1), invalid,
              "[to_frame] only a ToFrame with time_window has windows of time.");
}

TEST_CASE("ToFrame describes its options") {
  CHECK(ToFrame{.time_window = 4000}.describe() == "ToFrame(time_window=4000)");
  CHECK(ToFrame{.event_count = 3, .overlap = 1, .include_incomplete = true}.describe() ==
        "ToFrame(event_count=3, overlap=1, include_incomplete=true)");
  CHECK(ToFrame{.time_window = 4000, .start = 0, .fixed_steps = 250}.describe() ==
        "ToFrame(time_window=4000, start=0, fixed_steps=250)");
  CHECK(ToFrame{.n_time_bins = 4, .overlap = 0.1}.describe() ==
        "ToFrame(n_time_bins=4, overlap=0.1)");
  CHECK(ToFrame{.n_event_bins = 4}.describe() == "ToFrame(n_event_bins=4)");
}

}  // namespace ranvier::test
