// A recording is a column of the batch: threads take columns, and each walks along the events and
// the windows of one. Its rows lie a whole step apart, so no two threads share more than the line
// where their rows meet.
#include <algorithm>
#include <cstring>

#include "ranvier/core/parallel.h"
#include "ranvier/ops/events/detail/bin_events_kernels.h"
#include "ranvier/ops/events/detail/slices.h"

namespace ranvier::detail {
namespace {

template <class Word>
void bin_recording(const std::byte* words, const PackedEvents& events, const EventSlice& recording,
                   float* column, std::int64_t stride) {
  const std::byte* first_word = words + recording.first * static_cast<std::int64_t>(sizeof(Word));
  const auto word_of = [&](std::int64_t i) {
    Word word;
    std::memcpy(&word, first_word + i * static_cast<std::int64_t>(sizeof(Word)), sizeof(Word));
    return word;
  };
  const auto time_of = [&](std::int64_t i) {
    return static_cast<std::int64_t>(word_of(i) >> events.cell_bits);
  };
  const Word cell_mask = static_cast<Word>((Word{1} << events.cell_bits) - 1);
  const auto last_cell = static_cast<Word>(events.cells - 1);
  const StepRows rows{column, stride, recording.steps, events.cells};
  Word largest = 0;
  for_each_slice_of(recording.count, time_of, recording.windows, recording.steps,
                    [&](std::int64_t k, std::int64_t first, std::int64_t end) {
                      float* row = rows.cleared(k);
                      for (std::int64_t i = first; i < end; ++i) {
                        const auto cell = static_cast<Word>(word_of(i) & cell_mask);
                        largest = std::max(largest, cell);
                        row[std::min(cell, last_cell)] += 1;
                      }
                    });
  RV_CHECK(largest <= last_cell, "[bin_events] cells must be in [0, {}); got {}.", events.cells,
           largest);
}

}  // namespace

void bin_events_cpu(const PackedEvents& events, std::span<const EventSlice> recordings,
                    Tensor& frames) {
  const bool narrow = events.words.size(1) == 4;
  const std::byte* words = events.words.raw_data();
  float* out = frames.mutable_data<float>();
  const auto batch = static_cast<std::int64_t>(recordings.size());
  const std::int64_t steps = frames.size(0), stride = batch * events.cells;
  parallel_for(0, batch, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const EventSlice& recording = recordings[static_cast<std::size_t>(b)];
      float* column = out + b * events.cells;
      const auto bin = narrow ? bin_recording<std::uint32_t> : bin_recording<std::uint64_t>;
      bin(words, events, recording, column, stride);
      for (std::int64_t t = recording.steps; t < steps; ++t)
        std::fill_n(column + t * stride, events.cells, 0.0f);
    }
  });
}

}  // namespace ranvier::detail
