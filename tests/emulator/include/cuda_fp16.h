// CUDA's 16-bit floats, as far as the sources of ranvier_cuda use them.
#pragma once

#include <bit>

#include "ranvier/core/dtype.h"

// NOLINTBEGIN: these names are CUDA's
struct __half {
  std::uint16_t bits;
};
struct alignas(4) __half2 {
  __half x, y;
};
struct alignas(4) __half2_raw {
  __half2_raw(__half2 pair) : x(pair.x.bits), y(pair.y.bits) {}
  std::uint16_t x, y;
};

inline float __half2float(__half value) {
  return ranvier::to_float(std::bit_cast<ranvier::float16>(value));
}
inline __half __float2half_rn(float value) {
  return std::bit_cast<__half>(ranvier::to_float16(value));
}
inline __half2 __floats2half2_rn(float low, float high) {
  return {__float2half_rn(low), __float2half_rn(high)};
}
// NOLINTEND
