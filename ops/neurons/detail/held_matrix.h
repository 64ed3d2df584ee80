// Products with a small matrix at every step of time, by a block of a CUDA device that keeps it.
#pragma once

#include "ranvier/ops/neurons/detail/row_device.h"

namespace ranvier::neurons::device {

/// As `RowValues` for short rows and f32, with a matrix that does not change: four groups of
/// threads hold a quarter of its rows each in registers and sum over these.
class HeldMatrix {
 public:
  static constexpr int most_columns = 128, groups = 4, depth = most_columns / groups;
  static constexpr int threads = most_columns * groups;
  static std::size_t shared_bytes(std::int64_t /*columns*/) {
    return (most_columns + threads) * sizeof(float);
  }
  __device__ HeldMatrix(const float* weight, std::int64_t columns)
      : columns_(static_cast<int>(columns)),
        values_(reinterpret_cast<float*>(&cuda::block_memory[0])),
        parts_(values_ + most_columns) {
    const int column = static_cast<int>(threadIdx.x) % most_columns, first = group() * depth;
#pragma unroll
    for (int k = 0; k < depth; ++k)
      held_[k] = column < columns_ && first + k < columns_ ? weight[(first + k) * columns_ + column]
                                                           : 0.0f;
    if (threadIdx.x < most_columns) values_[threadIdx.x] = 0;  // those past the last column stay so
    __syncthreads();
  }

  __device__ void put(int column, float output, unsigned /*spikes*/) {
    if (column < columns_) values_[column] = output;
  }
  __device__ void publish() { __syncthreads(); }
  /// Called by all threads: they wait for each other.
  __device__ float heard(const float* /*weight*/, int column) const {
    float sum[4] = {};
#pragma unroll
    for (int k = 0; k < depth; k += 4) {
      const auto values = cuda::load<float, 4>(values_ + group() * depth + k);
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[i] = mul_add(values.lane[i], held_[k + i], sum[i]);
    }
    parts_[threadIdx.x] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
    __syncthreads();
    if (column >= columns_) return 0.0f;
    const float* const part = parts_ + column;
    return (part[0] + part[most_columns]) + (part[2 * most_columns] + part[3 * most_columns]);
  }

 private:
  __device__ static int group() { return static_cast<int>(threadIdx.x) / most_columns; }

  const int columns_;
  float *const values_, *const parts_;
  float held_[depth];
};

}  // namespace ranvier::neurons::device
