// The product of small tiles that one warp computes on tensor cores.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bit>
#include <type_traits>

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

/// d += a b, summed in f32, for a of 16 x 16, b of 16 x 8 and d of 16 x 8. With g = lane / 4 and
/// q = lane % 4 a thread of the warp holds
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

}  // namespace ranvier::cuda
