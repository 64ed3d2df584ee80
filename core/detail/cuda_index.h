// From the place of an element to its index along axes, in kernels.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace ranvier::cuda {

struct Division {
  std::int64_t quotient, remainder;
};

/// Of numbers >= 0. Most fit 32 bits, which a device divides several times as quickly.
__device__ __forceinline__ Division divide(std::int64_t number, std::int64_t by) {
  if (((number | by) >> 32) == 0) {
    const auto quotient = static_cast<std::uint32_t>(number) / static_cast<std::uint32_t>(by);
    return {quotient,
            static_cast<std::uint32_t>(number) - quotient * static_cast<std::uint32_t>(by)};
  }
  const std::int64_t quotient = number / by;
  return {quotient, number - quotient * by};
}

}  // namespace ranvier::cuda
