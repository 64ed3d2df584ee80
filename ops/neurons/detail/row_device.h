// What a block of a CUDA device that takes one row of neurons through time shares: the outputs of
// the step before, in shared memory, as spikes or as numbers; and the sums over them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "ranvier/core/detail/cuda_language.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/dtype.h"
#include "ranvier/ops/matmul/detail/event_product.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::neurons::device {

/// Threads of a block at most: they have registers for any model. Longer rows take several turns.
inline constexpr int most_row_threads = 512;

/// The threads for a row: whole words of packed spikes.
constexpr int row_threads(std::int64_t columns) {
  return static_cast<int>(std::min<std::int64_t>((columns + 63) / 64 * 64, most_row_threads));
}

/// sum over k of vector[k] matrix[k, column], for `matrix` from its `column` on; four sums (two of
/// f64) in turn, added up at the end. `vector` is shared memory, aligned to 16 bytes.
template <class R>
__device__ __forceinline__ R dense_sum(const R* vector, const R* matrix, int columns) {
  constexpr int lanes = cuda::full_lanes<R>;
  R sum[lanes] = {};
  int k = 0;
#pragma unroll 4
  for (; k + lanes <= columns; k += lanes) {
    const auto values = cuda::load<R, lanes>(vector + k);
#pragma unroll
    for (int i = 0; i < lanes; ++i, matrix += columns)
      sum[i] = mul_add(values.lane[i], __ldg(matrix), sum[i]);
  }
  for (; k < columns; ++k, matrix += columns) sum[0] = mul_add(vector[k], __ldg(matrix), sum[0]);
#pragma unroll
  for (int i = lanes / 2; i > 0; i /= 2)
#pragma unroll
    for (int k2 = 0; k2 < i; ++k2) sum[k2] += sum[k2 + i];
  return sum[0];
}

/// The real-valued outputs of a row's last step. There are two buffers: what is put does not
/// disturb what is still read.
template <class R>
class RowValues {
 public:
  static std::size_t shared_bytes(std::int64_t columns) {
    return static_cast<std::size_t>(2 * stride(columns)) * sizeof(R);
  }
  __device__ RowValues(const R* /*weight*/, std::int64_t columns)
      : columns_(static_cast<int>(columns)),
        read_(reinterpret_cast<R*>(&cuda::block_memory[0])),
        written_(read_ + stride(columns)) {}

  /// Called by whole warps, also for columns past the last.
  __device__ void put(int column, R output, unsigned /*spikes*/) {
    if (column < columns_) written_[column] = output;
  }
  /// Called by all threads when each has put its columns: from now on these are what is heard.
  __device__ void publish() {
    __syncthreads();
    R* const read = read_;
    read_ = written_;
    written_ = read;
  }
  /// What a column hears through the matrix `weight`; 0 past the last column.
  __device__ R heard(const R* weight, int column) const {
    return column < columns_ ? dense_sum(read_, weight + column, columns_) : R(0);
  }

 private:
  RV_HD static constexpr std::int64_t stride(std::int64_t columns) { return (columns + 3) / 4 * 4; }

  const int columns_;
  R *read_, *written_;
};

/// The spikes of a row's last step: a list of columns, in ascending order, for each block of them
/// that the CPU's event-driven product sums by itself. So f32 sums have the CPU's bits.
class RowSpikes {
 public:
  static std::size_t shared_bytes(std::int64_t columns) {
    const std::int64_t padded = words_per_row(columns) * 64;
    const std::int64_t depth = ranvier::detail::event_block_depth(columns);
    return static_cast<std::size_t>(padded + padded / 32 + (columns + depth - 1) / depth) * 4;
  }
  __device__ RowSpikes(const float* /*weight*/, std::int64_t columns)
      : columns_(static_cast<int>(columns)),
        padded_((columns_ + 63) / 64 * 64),
        depth_(static_cast<int>(ranvier::detail::event_block_depth(columns))),
        list_(reinterpret_cast<unsigned*>(&cuda::block_memory[0])),
        halves_(list_ + padded_),
        counts_(halves_ + padded_ / 32) {}

  /// Called by whole warps; `spikes` has a bit for each of their columns.
  __device__ void put(int column, float /*output*/, unsigned spikes) {
    if (column < padded_ && threadIdx.x % 32 == 0) halves_[column / 32] = spikes;
  }
  __device__ void publish() {
    __syncthreads();
    list();
    __syncthreads();
  }
  __device__ float heard(const float* weight, int column) const {
    if (column >= columns_) return 0.0f;
    weight += column;
    constexpr unsigned ahead = 8;  // loads in flight at once
    float sum = 0;
    for (int first = 0; first < columns_; first += depth_) {
      const unsigned count = counts_[first / depth_];
      const auto* const indices = reinterpret_cast<const uint4*>(list_ + first);
      float part = 0;
      for (unsigned i = 0; i < count; i += ahead) {
        const uint4 low = indices[i / 4], high = indices[i / 4 + 1];
        const unsigned from[ahead] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
        float row[ahead];
#pragma unroll
        for (unsigned j = 0; j < ahead; ++j)
          row[j] = i + j < count ? __ldg(weight + static_cast<std::int64_t>(from[j]) * columns_)
                                 : 0.0f;  // changes no sum: none is -0
#pragma unroll
        for (unsigned j = 0; j < ahead; ++j) part += row[j];
      }
      sum += part;
    }
    return sum;
  }

 private:
  /// Blocks of the depth are whole turns of the threads, or the threads are one turn.
  __device__ void list() {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int warps = static_cast<int>(blockDim.x) / 32;
    unsigned before = 0;
    for (int first = 0; first < padded_; first += static_cast<int>(blockDim.x)) {
      if (first % depth_ == 0) before = 0;
      const unsigned* const halves = halves_ + first / 32;
      const int left = min(warps, (padded_ - first) / 32);
      const unsigned count = lane < left ? static_cast<unsigned>(__popc(halves[lane])) : 0u;
      const unsigned below = before + __reduce_add_sync(0xffffffffu, lane < warp ? count : 0u);
      const unsigned mine = warp < left ? halves[warp] : 0u;
      if ((mine >> lane & 1u) != 0)
        list_[first / depth_ * depth_ + static_cast<int>(below) +
              __popc(mine & ((1u << lane) - 1u))] = static_cast<unsigned>(first) + threadIdx.x;
      before += __reduce_add_sync(0xffffffffu, count);
      if (threadIdx.x == 0) counts_[first / depth_] = before;
    }
  }

  const int columns_, padded_, depth_;
  unsigned *const list_, *const halves_, *const counts_;
};

/// Sums one number per thread over a block for a row, in an order that depends on nothing; to
/// thread 0.
__device__ __forceinline__ double row_sum(double value) {
  __shared__ double warps[most_row_threads / 32];
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffffu, value, offset);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += warps[warp];
  __syncthreads();
  return total;
}

}  // namespace ranvier::neurons::device
