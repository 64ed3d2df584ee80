#include "ranvier/ops/events/bin_rule.h"

#include "tests/support/catch.h"

namespace ranvier::test {

TEST_CASE("the windows that hold an event are those whose begin and end say so") {
  for (const std::int64_t start : {-7, 0, 3})
    for (const std::int64_t length : {1, 4, 6})
      for (std::int64_t stride = 1; stride <= length; ++stride)
        for (const bool include_incomplete : {false, true})
          for (const std::int64_t last : {start, start + 6, start + 12, start + 17}) {
            const TimeWindows windows =
                time_windows(start, last, length, stride, include_incomplete);
            for (std::int64_t t = start - 3; t < last + 9; ++t) {
              std::int64_t first = -1, step = -1;
              for (std::int64_t k = 0; k < windows.count; ++k)
                if (window_begin(windows, k) <= t && t < window_end(windows, k)) {
                  step = k;
                  if (first < 0) first = k;
                }
              INFO("start " << start << " length " << length << " stride " << stride << " last "
                            << last << " t " << t);
              CHECK(step_of(windows, t) == step);
              CHECK(first_step_of(windows, t) == first);
            }
          }
}

TEST_CASE("some of the windows hold what they held among all") {
  for (const std::int64_t stride : {3, 10})
    for (const std::int64_t last : {57, 60, 64}) {
      const TimeWindows all = time_windows(-5, last, 10, stride, true);
      for (std::int64_t first = 0; first < all.count; ++first)
        for (std::int64_t count = 1; first + count <= all.count; ++count) {
          const TimeWindows part = part_of(all, first, count);
          REQUIRE(part.count == count);
          for (std::int64_t k = 0; k < count; ++k) {
            REQUIRE(window_begin(part, k) == window_begin(all, first + k));
            REQUIRE(window_end(part, k) == window_end(all, first + k));
          }
        }
    }
}

TEST_CASE("the last event of a recording that windows fill belongs to the last of them") {
  const TimeWindows windows = time_windows(0, 1000, 250, 250, false);
  CHECK(windows.count == 4);
  CHECK(step_of(windows, 999) == 3);
  CHECK(step_of(windows, 1000) == 3);
  CHECK(step_of(windows, 1001) == -1);
  CHECK(step_of(fixed_windows(0, 1100, 250, 250, 4), 1000) == -1);
}

TEST_CASE("incomplete windows are counted where they are asked for, and one always is") {
  CHECK(time_windows(0, 1000, 300, 300, false).count == 3);
  CHECK(time_windows(0, 1000, 300, 300, true).count == 4);
  CHECK(time_windows(0, 1000, 300, 200, false).count == 4);
  CHECK(time_windows(0, 1000, 300, 200, true).count == 5);
  CHECK(time_windows(0, 10, 300, 300, false).count == 1);
  CHECK(time_windows(0, -10, 300, 300, true).count == 1);
}

TEST_CASE("cells of a frame are pixels row by row, OFF before ON") {
  CHECK(event_cell(700, 1, 699, 0, 1) == 699);
  CHECK(event_cell(34, 1, 3, 2, 1) == 2 * 34 + 3);
  CHECK(event_cell(34, 2, 3, 2, 0) == 2 * (2 * 34 + 3));
  CHECK(event_cell(34, 2, 3, 2, 1) == 2 * (2 * 34 + 3) + 1);
}

}  // namespace ranvier::test
