// The framings other than ToFrame.
#include <cmath>

#include "ranvier/data/transforms/to_bina_rep.h"
#include "ranvier/data/transforms/to_frame.h"
#include "ranvier/data/transforms/to_timesurface.h"
#include "ranvier/data/transforms/to_voxel_grid.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using Values = std::vector<float>;

Values values(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.numel()};
}

std::vector<Framing> all_framings() {
  return {ToFrame{.time_window = 3000},
          ToFrame{.time_window = 3000, .overlap = 2000, .include_incomplete = true},
          ToFrame{.time_window = 700, .start = -3000, .fixed_steps = 9},
          ToFrame{.event_count = 10, .include_incomplete = true},
          ToFrame{.event_count = 8, .overlap = 5},
          ToFrame{.n_time_bins = 5},
          ToFrame{.n_time_bins = 6, .overlap = 0.4},
          ToFrame{.n_event_bins = 5, .overlap = 0.5},
          ToTimesurface{.dt = 1000, .tau = 500},
          ToTimesurface{.dt = 1000, .tau = 500, .overlap = 200, .include_incomplete = true},
          ToBinaRep{.n_frames = 3, .n_bits = 4},
          ToVoxelGrid{.n_time_bins = 7}};
}

}  // namespace

TEST_CASE("framings fill the rows that are asked for and nothing else, whatever the recording") {
  for (const Sensor& sensor : {Sensor{5, 4, 2}, Sensor{5, 4, 1}, Sensor{.width = 5}})
    for (const Framing& framing : all_framings())
      for (const Events& events :
           {random_events(sensor, 300, 1), random_events(sensor, 20, 2, -9000, -10),
            random_events(sensor, 1, 3), random_events(sensor, 9, 4, 5, 5), Events{}}) {
        INFO(framing.describe() << " of " << events.size() << " events of " << to_string(sensor));
        const Tensor whole = to_tensor(framing, events, sensor);
        const std::int64_t steps = framing.steps(events), cells = framing.frame(sensor).numel();
        CHECK(whole.shape() == Shape{steps}.concat(framing.frame(sensor)));
        for (const float value : values(whole)) REQUIRE(std::isfinite(value));
        if (events.empty())
          for (const float value : values(whole)) REQUIRE(value == 0);

        const std::int64_t stride = cells + 3;
        for (const std::int64_t begin : {std::int64_t{0}, steps / 3, steps - 1})
          for (const std::int64_t some : {std::int64_t{1}, (steps - begin) / 2, steps - begin}) {
            INFO("steps from " << begin << " on, " << some);
            Values rows(static_cast<std::size_t>(steps * stride), -7.0f);
            framing.write(events, sensor, {rows.data() + 1, stride, some, begin});
            bool right = true;
            for (std::int64_t i = 0; i < steps * stride; ++i) {
              const std::int64_t step = (i - 1) / stride, cell = (i - 1) % stride;
              const bool written = i > 0 && step < some && cell < cells;
              const auto at = static_cast<std::size_t>((begin + step) * cells + cell);
              const float expected = written ? values(whole)[at] : -7.0f;
              right = right && rows[static_cast<std::size_t>(i)] == expected;
            }
            CHECK(right);
          }
      }
}

TEST_CASE("a time surface decays from each pixel's last event to the end of the window") {
  Events events;
  events.push_back(0, 0, 0, 1);
  events.push_back(50, 0, 0, 1);
  events.push_back(100, 1, 0, 1);
  events.push_back(300, 1, 0, 1);
  const Tensor surface = to_tensor(ToTimesurface{.dt = 100, .tau = 80}, events, {.width = 3});
  CHECK(surface.shape() == Shape{3, 3});
  const Values found = values(surface);
  const auto after = [](double age) { return static_cast<float>(std::exp(-age / 80)); };
  CHECK(found[0] == Approx(after(50)));
  CHECK(found[1] == 0);
  CHECK(found[3] == Approx(after(150)));
  CHECK(found[4] == Approx(after(100)));
  CHECK(found[6] == Approx(after(250)));
  CHECK(found[7] == 1);  // the recording ends with the last window
  CHECK(found[8] == 0);
}

TEST_CASE("a time surface's windows overlap and end as frames do") {
  const Events events = events_at({0, 100, 250, 470});
  const auto steps = [&](const ToTimesurface& framing) { return framing.steps(events); };
  CHECK(steps({.dt = 100, .tau = 1}) == 4);
  CHECK(steps({.dt = 100, .tau = 1, .include_incomplete = true}) == 5);
  CHECK(steps({.dt = 100, .tau = 1, .overlap = 50}) == 8);
  const Values found =
      values(to_tensor(ToTimesurface{.dt = 100, .tau = 80, .overlap = 50}, events, {}));
  CHECK(found[0] == Approx(std::exp(-100 / 80.0)));
  CHECK(found[1] == Approx(std::exp(-50 / 80.0)));  // [50, 150), last event at 100
  CHECK(found[2] == Approx(std::exp(-100 / 80.0)));
}

TEST_CASE("polarities have time surfaces of their own") {
  Events events;
  events.push_back(0, 0, 0, 0);
  events.push_back(10, 0, 0, 1);
  CHECK(values(to_tensor(ToTimesurface{.dt = 10, .tau = 10}, events, {1, 1, 2})) ==
        Values{static_cast<float>(std::exp(-1.0)), 1.0f});
}

TEST_CASE("binary representations write the activity of bins as bits") {
  Events events = events_at({0, 30, 31, 60, 80});
  events.push_back(80, 1, 0, 1);
  const Sensor sensor{.width = 2};
  // Two frames of four bits: bins of 10 us.
  const Tensor frames = to_tensor(ToBinaRep{.n_frames = 2, .n_bits = 4}, events, sensor);
  CHECK(frames.shape() == Shape{2, 2});
  CHECK(values(frames) == Values{(8 + 1) / 15.0f, 0, (2 + 1) / 15.0f, 1 / 15.0f});
  CHECK(values(to_tensor(ToBinaRep{.n_bits = 1}, events, sensor)) == Values{1, 1});
}

TEST_CASE("binary representations are sums of frames that say active or not") {
  const Sensor sensor{4, 3, 2};
  const Events events = random_events(sensor, 100, 8);
  const Values frames = values(to_tensor(ToFrame{.n_time_bins = 3 * 5}, events, sensor));
  const Values bits = values(to_tensor(ToBinaRep{.n_frames = 3, .n_bits = 5}, events, sensor));
  for (std::size_t frame = 0; frame < 3; ++frame)
    for (std::size_t cell = 0; cell < 24; ++cell) {
      int number = 0;
      for (std::size_t bit = 0; bit < 5; ++bit)
        number = 2 * number + (frames[(frame * 5 + bit) * 24 + cell] > 0 ? 1 : 0);
      CHECK(bits[frame * 24 + cell] == static_cast<float>(number) / 31.0f);
    }
}

TEST_CASE("a voxel grid shares each event between two moments") {
  Events events;
  events.push_back(100, 0, 0, 1);
  events.push_back(110, 1, 0, 0);
  events.push_back(125, 1, 0, 1);
  events.push_back(140, 0, 0, 0);
  const Tensor grid = to_tensor(ToVoxelGrid{.n_time_bins = 3}, events, {2, 1, 2});
  CHECK(grid.shape() == Shape{3, 2});
  CHECK(values(grid) == Values{1, -0.5f, 0, -0.5f + 0.75f, -1, 0.25f});
  // The only polarity of a sensor counts 1.
  CHECK(values(to_tensor(ToVoxelGrid{.n_time_bins = 2}, events_at({0, 10, 10}), {.width = 1})) ==
        Values{1, 2});
}

TEST_CASE("a voxel grid's sum is that of the polarities") {
  const Sensor sensor{4, 3, 2};
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    for (const std::int64_t moments : {1, 2, 7, 100}) {
      const Events events = random_events(sensor, 60, seed, -500, 300);
      double polarities = 0, sum = 0;
      for (const std::uint8_t p : events.p) polarities += p == 1 ? 1 : -1;
      for (const float value : values(to_tensor(ToVoxelGrid{moments}, events, sensor)))
        sum += value;
      CHECK(sum == Approx(polarities).margin(1e-4));
    }
  CHECK(values(to_tensor(ToVoxelGrid{2}, events_at({5, 5}), {.width = 1})) == Values{2, 0});
}

TEST_CASE("options of framings that make no sense are refused") {
  const Sensor sensor{5, 4, 2};
  const auto frame = [&](const Framing& framing) { return framing.frame(sensor); };
  CHECK_ERROR(frame(ToTimesurface{.dt = 0, .tau = 1}), invalid,
              "[to_timesurface] dt must be in [1, 4503599627370496]; got 0.");
  CHECK_ERROR(frame(ToTimesurface{.dt = 5}), invalid, "[to_timesurface] tau must be > 0; got 0.");
  CHECK_ERROR(frame(ToTimesurface{.dt = 5, .tau = 1, .overlap = 5}), invalid,
              "[to_timesurface] overlap must be in [0, dt = 5); got 5.");
  CHECK_ERROR(frame(ToBinaRep{.n_frames = 0}), invalid,
              "[to_bina_rep] n_frames must be in [1, 1048576]; got 0.");
  CHECK_ERROR(frame(ToBinaRep{.n_bits = 25}), invalid,
              "[to_bina_rep] n_bits must be in [1, 24]; got 25.");
  CHECK_ERROR(frame(ToVoxelGrid{.n_time_bins = 0}), invalid,
              "[to_voxel_grid] n_time_bins must be in [1, 16777216]; got 0.");
}

TEST_CASE("framings describe their options") {
  const auto describe = [](const Framing& framing) { return framing.describe(); };
  CHECK(describe(ToTimesurface{.dt = 1000, .tau = 500}) ==
        "ToTimesurface(dt=1000, tau=500, overlap=0, include_incomplete=false)");
  CHECK(describe(ToBinaRep{.n_frames = 3, .n_bits = 4}) == "ToBinaRep(n_frames=3, n_bits=4)");
  CHECK(describe(ToVoxelGrid{.n_time_bins = 7}) == "ToVoxelGrid(n_time_bins=7)");
}

}  // namespace ranvier::test
