// Copies on their way into shared memory while the thread that asked for them computes. A thread
// reads what it copied itself and nothing else, so threads do not wait for each other.
#pragma once

#include <cuda_runtime.h>

#include "ranvier/core/detail/cuda_language.h"
#include "ranvier/core/detail/ptx.h"
#include "ranvier/ops/neurons/detail/neuron_device.h"

namespace ranvier::neurons::device {

/// A warp's slots lie side by side: from a thread's slot to its next.
inline constexpr int slot_stride = 32;

/// Where the calling thread's slots begin, if each thread has `thread_bytes` of them and the first
/// `before` are for something else.
template <class Values>
__device__ __forceinline__ Values* own_slots(int thread_bytes, int before = 0) {
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  char* const slots =
      reinterpret_cast<char*>(&cuda::block_memory[0]) + warp * 32 * thread_bytes + 32 * before;
  return reinterpret_cast<Values*>(slots) + lane;
}

/// What is copied for a thread that takes `lanes` values: the shortest copy is of 4 bytes, so one
/// 16-bit value brings its neighbour along. Rows then have an even number of values.
template <class S, int lanes>
struct Delivery {
  static constexpr int carried = lanes * sizeof(S) < 4 ? static_cast<int>(4 / sizeof(S)) : lanes;
  using Slot = Pack<S, carried>;

  __device__ __forceinline__ explicit Delivery(std::int64_t first)
      : place(static_cast<int>(first % carried)) {}

  __device__ __forceinline__ Pack<S, lanes> own(const Slot& slot) const {
    if constexpr (carried == lanes)
      return slot;
    else
      return {place == 0 ? slot.lane[0] : slot.lane[1]};
  }

  int place;  // of the thread's values in a slot
};

/// Moves a pointer to global memory on by a row's length, which the compiler cannot trace: else it
/// replaces the sums of a loop by a product of the length for each of its rows.
template <class T>
__device__ __forceinline__ void move_on(T*& pointer, std::int64_t elements) {
  pointer += elements;
  cuda::forget_origin(pointer);
}

/// Begins to copy; the thread closes groups of copies by `cuda::commit_copies`.
template <class S, int lanes>
__device__ __forceinline__ void copy_async(Pack<S, lanes>* to, const S* from) {
  cuda::copy_async<sizeof(*to)>(to, from);
}

}  // namespace ranvier::neurons::device
