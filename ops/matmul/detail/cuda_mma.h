// Products of small tiles that warps compute on tensor cores.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bit>
#include <cstdint>
#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/cuda_reduce.h"
#include "ranvier/core/detail/ptx.h"
#include "ranvier/core/dtype.h"

namespace ranvier::cuda {

/// Two values rounded to S, bfloat16 or float16, `low` in the lower half of the register.
template <class S>
__device__ __forceinline__ unsigned rounded_pair(float low, float high) {
  if constexpr (std::is_same_v<S, bfloat16>)
    return std::bit_cast<unsigned>(__nv_bfloat162_raw(__floats2bfloat162_rn(low, high)));
  else
    return std::bit_cast<unsigned>(__half2_raw(__floats2half2_rn(low, high)));
}

// Four products of 8 columns that together make 32 neighbouring ones: column c of product p is
// column 8 (c / 2) + 2 p + c % 2 of them, so that a thread ends up with columns 8 q to 8 q + 7 of
// its two rows.

inline constexpr int chunk_columns = 32, chunk_products = 4;

/// The column of a chunk that a thread with this `g` takes in `product`.
__device__ __forceinline__ int chunk_column(int product, int g) {
  return g / 2 * 8 + 2 * product + g % 2;
}

/// The thread's 8 neighbours of row g (`half` 0) or g + 8 (1), stored as S.
template <class S>
__device__ __forceinline__ void store_chunk(const float (&sums)[chunk_products][4], int half,
                                            S* to) {
  Pack<float, 8> values;
#pragma unroll
  for (int p = 0; p < chunk_products; ++p)
#pragma unroll
    for (int k = 0; k < 2; ++k) values.lane[2 * p + k] = sums[p][2 * half + k];
  store_as(to, values);
}

// Eight products of 8 columns that together make 64 neighbouring ones of a matrix that is summed
// over its rows: column c of product p is column 8 c + p of them, so that a thread reads columns
// 8 g to 8 g + 7 at once, of the rows 4 q to 4 q + 3 of 16.

inline constexpr int group_columns = 64, group_products = 8, rows_of_thread = 4;

/// 16-bit values of 8 columns in the thread's four rows.
struct RowsOfThread {
  uint4 of[rows_of_thread];

  /// Of the rows from `first` on below `end`, and zeros; `columns` is their length.
  template <class S>
  __device__ __forceinline__ void load(const S* matrix, std::int64_t first, std::int64_t end,
                                       std::int64_t columns, std::int64_t column) {
#pragma unroll
    for (int r = 0; r < rows_of_thread; ++r)
      of[r] = first + r < end && column < columns
                  ? *reinterpret_cast<const uint4*>(matrix + (first + r) * columns + column)
                  : uint4{};
  }
  /// What the thread holds of the second operand of `product`.
  __device__ __forceinline__ uint2 pairs(int product) const {
    const auto word = [&](int r) {
      const uint4& row = of[r];
      return product / 2 == 0 ? row.x : product / 2 == 1 ? row.y : product / 2 == 2 ? row.z : row.w;
    };
    const unsigned halves = product % 2 == 0 ? 0x5410 : 0x7632;  // both lower, or both upper ones
    return {__byte_perm(word(0), word(1), halves), __byte_perm(word(2), word(3), halves)};
  }
};

/// Adds up what the warps of a block have summed, in order, and calls `write(row, column, sum)` for
/// each of 16 rows and 64 columns. All threads of the block must call it.
template <class Write>
__device__ __forceinline__ void add_warps(const float (&sums)[group_products][4], Write&& write) {
  constexpr unsigned warps = block_threads / warp_threads;
  constexpr unsigned values = group_products * 4 * warp_threads;  // of a warp
  __shared__ float shared[warps][values];
  const unsigned warp = threadIdx.x / warp_threads, lane = threadIdx.x % warp_threads;
  __syncthreads();  // an earlier call may still be reading
#pragma unroll
  for (int p = 0; p < group_products; ++p)
#pragma unroll
    for (int k = 0; k < 4; ++k) shared[warp][(p * 4 + k) * warp_threads + lane] = sums[p][k];
  __syncthreads();
  for (unsigned i = threadIdx.x; i < values; i += block_threads) {
    const int of_lane = static_cast<int>(i % warp_threads), k = static_cast<int>(i / warp_threads);
    float sum = shared[0][i];
    for (unsigned w = 1; w < warps; ++w) sum += shared[w][i];
    write(of_lane / 4 + k % 4 / 2 * 8, 8 * (of_lane % 4 * 2 + k % 2) + k / 4, sum);
  }
}

}  // namespace ranvier::cuda
