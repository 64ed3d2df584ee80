#include "ranvier/ops/events/bin_events.h"

#include <cstring>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// Words of (time, cell).
template <class Word>
PackedEvents packed(const std::vector<std::pair<Word, Word>>& events, int cell_bits,
                    std::int64_t cells) {
  Tensor words =
      empty({static_cast<std::int64_t>(events.size()), sizeof(Word)}, {.dtype = DType::u8});
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto word = static_cast<Word>(events[i].first << cell_bits | events[i].second);
    std::memcpy(words.mutable_data<std::uint8_t>() + i * sizeof(Word), &word, sizeof(Word));
  }
  return {words, cell_bits, cells};
}

Tensor binned(const PackedEvents& events, const std::vector<EventSlice>& recordings,
              const Shape& shape) {
  Tensor frames = full(shape, 99);
  bin_events(events, recordings, frames);
  return frames;
}

EventSlice slice(std::int64_t first, std::int64_t count, const TimeWindows& windows) {
  return {first, count, windows, windows.count};
}

}  // namespace

TEST_CASE("packed events are counted in their windows and cells, and the rest is zero") {
  const auto check = [](auto word) {
    using Word = decltype(word);
    const PackedEvents events =
        packed<Word>({{0, 2}, {5, 0}, {5, 0}, {10, 1}, {29, 2}, /* next */ {3, 1}, {12, 1}}, 2, 3);
    const Tensor frames = binned(events,
                                 {slice(0, 5, {0, 10, 10, 3, 30}), slice(5, 2, {3, 10, 10, 1, 13}),
                                  slice(7, 0, {0, 10, 10, 1, 10})},
                                 {3, 3, 3});
    CHECK(to_vector(frames) == std::vector<double>{2, 0, 1, 0, 2, 0, 0, 0, 0,  //
                                                   0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                                                   0, 0, 1, 0, 0, 0, 0, 0, 0});
  };
  check(std::uint32_t{});
  check(std::uint64_t{});
}

TEST_CASE("packed events in windows that overlap are counted in each") {
  const PackedEvents events = packed<std::uint32_t>({{0, 0}, {4, 0}, {6, 0}, {9, 0}}, 0, 1);
  const TimeWindows windows = time_windows(0, 9, 4, 2, true);
  REQUIRE(windows.count == 4);
  CHECK(to_vector(binned(events, {slice(0, 4, windows)}, {4, 1, 1})) ==
        std::vector<double>{1, 1, 2, 2});
}

TEST_CASE("a frame of packed events is a sum by the one rule of binning, on any threads") {
  const TimeWindows windows = time_windows(-3, 980, 40, 15, true);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> words;
  std::vector<EventSlice> recordings;
  Tensor expected = zeros({windows.count, 5, 7});
  for (std::int64_t b = 0; b < 5; ++b) {
    recordings.push_back({static_cast<std::int64_t>(words.size()), 100, windows, windows.count});
    for (std::int64_t i = 0; i < 100; ++i) {
      const std::int64_t t = 9 * i + b, cell = (i * i + b) % 7;
      words.emplace_back(t, cell);
      for (std::int64_t k = std::max<std::int64_t>(first_step_of(windows, t), 0);
           k <= step_of(windows, t); ++k)
        expected.mutable_data<float>()[(k * 5 + b) * 7 + cell] += 1;
    }
  }
  const PackedEvents events = packed(words, 3, 7);
  for (const int threads : {1, 2, 3}) {
    const Threads scope(threads);
    CHECK(same_bits(binned(events, recordings, {windows.count, 5, 7}), expected));
  }
}

TEST_CASE("binning refuses what does not fit together") {
  const PackedEvents events = packed<std::uint32_t>({{0, 0}, {4, 3}}, 2, 4);
  const TimeWindows windows = time_windows(0, 4, 10, 10, true);
  const std::vector<EventSlice> one{slice(0, 2, windows)};
  CHECK_ERROR(binned({tensor({1}), 2, 4}, one, {1, 1, 4}), invalid,
              "[bin_events] words must be u8 [N, 4] or [N, 8]; got f32 (1,).");
  CHECK_ERROR(binned({events.words, 1, 4}, one, {1, 1, 4}), invalid,
              "[bin_events] cell_bits must be in [0, 31] and hold all cells; got 1 for 4.");
  CHECK_ERROR(binned(events, one, {1, 1, 5}), invalid,
              "[bin_events] frames must be f32 [T, 1, ...] with 4 numbers each; got f32 (1, 1, 5)");
  CHECK_ERROR(binned(events, {slice(1, 2, windows)}, {1, 1, 4}), invalid,
              "[bin_events] there are 2 events; got a recording of 2 from 1 on.");
  CHECK_ERROR(binned(events, {{0, 2, windows, 2}}, {2, 1, 4}), invalid,
              "[bin_events] a recording has 1 windows and the frames 2 steps; got 2 steps.");
  CHECK_ERROR(binned({events.words, 2, 3}, one, {1, 1, 3}), invalid,
              "[bin_events] cells must be in [0, 3); got 3.");
}

}  // namespace ranvier::test
