// Sums over the threads of a warp or a block, always added up in the same order.
#pragma once

#include "ranvier/core/detail/cuda_launch.h"

namespace ranvier::cuda {

inline constexpr int warp_threads = 32;
inline constexpr unsigned whole_warp = 0xffffffffu;

/// The sum of `value` over each group of `group` neighbours of a warp, a power of two of them, in
/// all of its threads. The whole warp must call it.
template <int group, class R>
__device__ __forceinline__ R group_sum(R value) {
#pragma unroll
  for (int distance = group / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(whole_warp, value, distance);
  return value;
}

/// The sum of `value` over the warp, in all of its threads.
template <class R>
__device__ __forceinline__ R warp_sum(R value) {
  return group_sum<warp_threads>(value);
}

/// The sum of `value` over a block of whole warps, in all of its threads, which must all call it.
template <class R>
__device__ __forceinline__ R block_sum(R value) {
  __shared__ R of_warp[32];
  const int warp = static_cast<int>(threadIdx.x) / warp_threads;
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  value = warp_sum(value);
  __syncthreads();  // an earlier call may still be reading
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / warp_threads;
  return warp_sum(lane < warps ? of_warp[lane] : R(0));
}

}  // namespace ranvier::cuda
