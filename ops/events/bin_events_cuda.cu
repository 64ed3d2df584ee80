// Frames are cleared, and then every event adds 1 to the numbers that count it, its recording's
// blocks taking turns. Adding ones to floats is exact up to 2^24 and the same in any order. A batch
// of a million events reads 4 MB; clearing its frames moves most.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/events/detail/bin_events_kernels.h"

namespace ranvier::cuda {
namespace {

constexpr const char* op = "bin_events";
constexpr unsigned blocks_of_recording = 16;

struct Batch {
  const EventSlice* table;
  std::int64_t recordings;     // in the table
  const std::int64_t* sample;  // null: recording b of the table is that of the batch
  std::int64_t batch, steps, events, cells;
  int cell_bits;
  float* frames;
};

/// Recording `b` of the batch; one without events if there is none.
__device__ EventSlice recording_of(const Batch& of, std::int64_t b) {
  const std::int64_t sample = of.sample == nullptr ? b : of.sample[b];
  if (sample < 0 || sample >= of.recordings) return {};
  const EventSlice r = of.table[sample];
  const bool inside = r.first >= 0 && r.count >= 0 && r.first <= of.events - r.count;
  return inside ? r : EventSlice{};
}

template <class Word>
__global__ void __launch_bounds__(block_threads) add_events(const Word* words, const Batch of) {
  const std::int64_t b = blockIdx.x / blocks_of_recording;
  const EventSlice r = recording_of(of, b);
  const std::int64_t steps = r.steps < of.steps ? r.steps : of.steps;
  const auto mask = static_cast<Word>((Word{1} << of.cell_bits) - 1);
  std::int64_t i =
      static_cast<std::int64_t>(blockIdx.x % blocks_of_recording) * blockDim.x + threadIdx.x;
  for (; i < r.count; i += static_cast<std::int64_t>(blocks_of_recording) * blockDim.x) {
    const Word word = words[r.first + i];
    const auto time = static_cast<std::int64_t>(word >> of.cell_bits);
    const auto cell = static_cast<std::int64_t>(word & mask);
    const bool known = cell < of.cells;
    float* const number = of.frames + b * of.cells + (known ? cell : of.cells - 1);
    const std::int64_t last = step_of(r.windows, time);
    if (last < 0) continue;
    for (std::int64_t k = first_step_of(r.windows, time); k <= last && k < steps; ++k)
      atomicAdd(number + k * of.batch * of.cells, known ? 1.0f : nanf(""));
  }
}

void bin_events(const PackedEvents& events, const Tensor& table, const Tensor& samples,
                Tensor& frames) {
  const Device device = frames.device();
  float* const out = mutable_elements<float>(op, frames);
  check(op, cudaMemsetAsync(out, 0, static_cast<std::size_t>(frames.nbytes()), stream(device)));
  const Batch of{
      .table = reinterpret_cast<const EventSlice*>(elements<std::int64_t>(op, table)),
      .recordings = table.size(0),
      .sample = elements_or_null<std::int64_t>(op, samples),
      .batch = frames.size(1),
      .steps = frames.size(0),
      .events = events.words.size(0),
      .cells = events.cells,
      .cell_bits = events.cell_bits,
      .frames = out,
  };
  if (frames.numel() == 0) return;
  const auto* const words = elements<std::uint8_t>(op, events.words);
  const Grid grid{static_cast<unsigned>(of.batch) * blocks_of_recording, block_threads};
  if (events.words.size(1) == 4)
    launch(op, device, grid, add_events<std::uint32_t>,
           reinterpret_cast<const std::uint32_t*>(words), of);
  else
    launch(op, device, grid, add_events<std::uint64_t>,
           reinterpret_cast<const std::uint64_t*>(words), of);
}

const CudaKernel kernel(ranvier::detail::bin_events_kernels, bin_events);

}  // namespace
}  // namespace ranvier::cuda
