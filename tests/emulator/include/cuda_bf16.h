// CUDA's bfloat16, as far as the sources of ranvier_cuda use it.
#pragma once

#include <bit>

#include "ranvier/core/dtype.h"

// NOLINTBEGIN: these names are CUDA's
struct __nv_bfloat16 {
  std::uint16_t bits;
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
struct alignas(4) __nv_bfloat162_raw {
  __nv_bfloat162_raw(__nv_bfloat162 pair) : x(pair.x.bits), y(pair.y.bits) {}
  std::uint16_t x, y;
};

inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  return std::bit_cast<__nv_bfloat16>(ranvier::to_bfloat16(value));
}
inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high) {
  return {__float2bfloat16_rn(low), __float2bfloat16_rn(high)};
}
// NOLINTEND
