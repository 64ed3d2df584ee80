#include <algorithm>
#include <atomic>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/spikes/detail/spike_kernels_isa.h"

namespace ranvier::detail {
namespace {

// Rows of at least 2^14 spikes together, so that a thread's share outweighs its start.
std::int64_t row_grain(std::int64_t columns) { return (1 << 14) / (columns + 1) + 1; }

}  // namespace

const SpikeKernels& spike_kernels() {
  return pick_isa(isa_v2::spike_kernels, isa_v3::spike_kernels, isa_v4::spike_kernels);
}

void pack_spikes(const float* values, std::int64_t rows, std::int64_t columns,
                 std::uint64_t* words) {
  const auto kernel = spike_kernels().pack;
  parallel_for(0, rows, row_grain(columns), [=](std::int64_t begin, std::int64_t end) {
    kernel(values + begin * columns, end - begin, columns, words + begin * words_per_row(columns));
  });
}

void unpack_spikes(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                   float* values) {
  const auto kernel = spike_kernels().unpack_f32;
  parallel_for(0, rows, row_grain(columns), [=](std::int64_t begin, std::int64_t end) {
    kernel(words + begin * words_per_row(columns), end - begin, columns, values + begin * columns);
  });
}

void unpack_spikes_bf16(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                        std::uint16_t* values) {
  const auto kernel = spike_kernels().unpack_bf16;
  parallel_for(0, rows, row_grain(columns), [=](std::int64_t begin, std::int64_t end) {
    kernel(words + begin * words_per_row(columns), end - begin, columns, values + begin * columns);
  });
}

std::int64_t count_spikes(const std::uint64_t* words, std::int64_t number) {
  constexpr std::int64_t grain = 1 << 14;
  const auto kernel = spike_kernels().count;
  std::atomic<std::int64_t> sum = 0;
  parallel_for(0, number, grain, [&](std::int64_t begin, std::int64_t end) {
    sum += kernel(words + begin, end - begin);
  });
  return sum;
}

void transpose_spikes(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                      std::uint64_t* transposed) {
  const std::int64_t stride = words_per_row(columns), transposed_stride = words_per_row(rows);
  const auto kernel = spike_kernels().transpose_64x64;
  parallel_for(0, transposed_stride, 16, [=](std::int64_t begin, std::int64_t end) {
    std::uint64_t block[64];
    for (std::int64_t row_block = begin; row_block < end; ++row_block)
      for (std::int64_t word = 0; word < stride; ++word) {
        for (std::int64_t i = 0; i < 64; ++i) {
          const std::int64_t row = row_block * 64 + i;
          block[i] = row < rows ? words[row * stride + word] : 0;
        }
        kernel(block);
        const std::int64_t last = std::min<std::int64_t>(64, columns - word * 64);
        for (std::int64_t i = 0; i < last; ++i)
          transposed[(word * 64 + i) * transposed_stride + row_block] = block[i];
      }
  });
}

}  // namespace ranvier::detail
