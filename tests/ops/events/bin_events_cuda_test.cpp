#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/philox.h"
#include "ranvier/ops/events/bin_events.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

/// Recordings of random events, which lie one after another.
struct Example {
  PackedEvents events;
  std::vector<EventSlice> recordings;
  std::int64_t steps = 0;
};

template <class Word>
Example example(const std::vector<std::int64_t>& counts, std::int64_t cells, int cell_bits,
                std::int64_t length, std::int64_t stride) {
  Example made;
  std::vector<Word> words;
  for (std::size_t b = 0; b < counts.size(); ++b) {
    const auto first = static_cast<std::int64_t>(words.size());
    std::int64_t time = 0;
    for (std::int64_t i = 0; i < counts[b]; ++i) {
      const PhiloxWords random = philox(b, static_cast<std::uint64_t>(i));
      time += random.word[0] % 5;
      words.push_back(static_cast<Word>(static_cast<Word>(time) << cell_bits |
                                        random.word[1] % static_cast<std::uint32_t>(cells)));
    }
    const TimeWindows windows = time_windows(0, time, length, stride, true);
    made.recordings.push_back({first, counts[b], windows, windows.count});
    made.steps = std::max(made.steps, windows.count);
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words.data());
  made.events = {from_span(std::span(bytes, words.size() * sizeof(Word)),
                           {static_cast<std::int64_t>(words.size()), sizeof(Word)}),
                 cell_bits, cells};
  return made;
}

PackedEvents on_cuda(PackedEvents events) {
  events.words = events.words.to(cuda_device);
  return events;
}

Tensor indices(const std::vector<std::int64_t>& values) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())});
}

void check(const Example& e) {
  const auto batch = static_cast<std::int64_t>(e.recordings.size());
  Tensor expected = full({e.steps, batch, e.events.cells}, 99);
  bin_events(e.events, e.recordings, expected);
  Tensor frames = full(expected.shape(), 99, {.device = cuda_device});
  bin_events(on_cuda(e.events), e.recordings, frames);
  check_same(frames, expected, 0);
}

}  // namespace

TEST_CASE("events are binned on a CUDA device as on the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::vector<std::int64_t> counts{0, 1, 255, 4096, 4097, 20'000, 3};
  check(example<std::uint32_t>(counts, 700, 10, 1000, 1000));
  check(example<std::uint32_t>(counts, 1, 0, 7, 7));
  check(example<std::uint64_t>(counts, 34 * 34 * 2, 12, 500, 500));
  check(example<std::uint64_t>(counts, 100, 30, 1000, 300));  // windows overlap
}

TEST_CASE("a table of recordings is binned by the indices of a batch, on either device") {
  const Example e = example<std::uint32_t>({100, 0, 2000, 40}, 35, 6, 50, 50);
  const std::vector<std::int64_t> samples{2, 0, 2, 3};
  std::vector<EventSlice> chosen;
  for (const std::int64_t i : samples) chosen.push_back(e.recordings[static_cast<std::size_t>(i)]);
  Tensor expected = empty({e.steps, 4, 35});
  bin_events(e.events, chosen, expected);
  const Tensor table = slice_table(e.recordings);
  Tensor frames = empty(expected.shape());
  bin_events(e.events, table, indices(samples), frames);
  CHECK(to_vector(frames) == to_vector(expected));
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR((bin_events(e.events, table, indices({0, 1, 2, 4}), frames), 0), code,
              "[bin_events] sample 3 is 4; there are 4 recordings.");
  CHECK_ERROR((bin_events(e.events, zeros({4, 8}), indices(samples), frames), 0), code,
              "[bin_events] the table must be i64 [N, 8]; got f32 (4, 8).");
  CHECK_ERROR((bin_events(e.events, table, zeros({4}), frames), 0), code,
              "[bin_events] samples must be i64 [B]; got f32 (4,).");
}

TEST_CASE("a recorded binning takes the indices that its batch has at each launch", "[cuda]") {
  RV_NEEDS_CUDA();
  const Example e = example<std::uint32_t>({100, 0, 2000, 40}, 35, 6, 50, 50);
  const PackedEvents events = on_cuda(e.events);
  const Tensor table = slice_table(e.recordings), there = table.to(cuda_device);
  Tensor samples = indices({0, 0}).to(cuda_device);
  Tensor frames = empty({e.steps, 2, 35}, {.device = cuda_device});
  const CudaGraph graph(cuda_device, [&] { bin_events(events, there, samples, frames); });
  for (const auto& chosen : std::vector<std::vector<std::int64_t>>{{2, 3}, {1, 2}, {0, 0}}) {
    copy_into(samples, indices(chosen));
    graph.launch();
    Tensor expected = empty({e.steps, 2, 35});
    bin_events(e.events, table, indices(chosen), expected);
    check_same(frames, expected, 0);
  }
}

TEST_CASE("what is out of range on a CUDA device is left out of frames, or shows as NaN",
          "[cuda]") {
  RV_NEEDS_CUDA();
  Example e = example<std::uint32_t>({100, 50, 60, 70}, 3, 2, 1000, 1000);
  e.recordings[1].first = 1 << 20;
  const Tensor table = slice_table(e.recordings).to(cuda_device);
  Tensor frames = empty({1, 4, 3}, {.device = cuda_device});
  bin_events(on_cuda(e.events), table, indices({0, 1, -1, 4}).to(cuda_device), frames);
  const std::vector<double> counts = to_vector(frames);
  CHECK(counts[0] + counts[1] + counts[2] == 100);
  CHECK(std::vector<double>(counts.begin() + 3, counts.end()) == std::vector<double>(9, 0.0));

  e.events.cells = 2;
  Tensor narrow = empty({1, 1, 2}, {.device = cuda_device});
  bin_events(on_cuda(e.events), table, indices({0}).to(cuda_device), narrow);
  CHECK(to_vector(narrow)[0] == counts[0]);
  CHECK(std::isnan(to_vector(narrow)[1]));
}

}  // namespace ranvier::test
