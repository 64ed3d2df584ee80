// Instructions that CUDA has no function for. tests/emulator stands in for this file where kernels
// run on the CPU.
#pragma once

#include <cuda_runtime.h>

#include <type_traits>

#include "ranvier/core/dtype.h"

namespace ranvier::cuda {

/// d += a b, summed in f32, for a of 16 x 16, b of 16 x 8 and d of 16 x 8; a and b are of S,
/// bfloat16 or float16. With g = lane / 4 and q = lane % 4 a thread of the warp holds
///   a.x, a.y  rows g and g + 8 of columns 2q and 2q + 1;  a.z, a.w  the same of 2q + 8 and 2q + 9
///   b.x, b.y  rows 2q and 2q + 1, and 2q + 8 and 2q + 9, of column g
///   d[0..3]   row g of columns 2q and 2q + 1, then row g + 8 of these
template <class S>
__device__ __forceinline__ void multiply_add(float (&d)[4], uint4 a, uint2 b) {
  if constexpr (std::is_same_v<S, bfloat16>)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

/// Begins to copy `bytes`, 4, 8 or 16, to shared memory; `commit_copies` closes a group of copies,
/// which end in order.
template <int bytes>
__device__ __forceinline__ void copy_async(void* to, const void* from) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  if constexpr (bytes == 16)  // past the first-level cache
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(address), "l"(from), "n"(bytes)
                 : "memory");
}
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until no more than `groups` of the calling thread's groups are on their way.
template <int groups>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

/// From here on the compiler cannot trace where a pointer to global memory comes from.
template <class T>
__device__ __forceinline__ void forget_origin(T*& pointer) {
  asm("" : "+l"(pointer));
  __builtin_assume(__isGlobal(pointer));
}

/// A number whose origin the compiler cannot trace.
__device__ __forceinline__ float untraced(float number) {
  asm("" : "+f"(number));
  return number;
}
__device__ __forceinline__ double untraced(double number) {
  asm("" : "+d"(number));
  return number;
}

}  // namespace ranvier::cuda
