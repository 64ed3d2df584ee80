// What random draws need of a device.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/philox.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Writes `seed` and `block` to `place`, i64 [2] on a CUDA device. The numbers travel with the
/// launch, so that nothing waits and no memory of the host has to stay as it is.
using SetPlaceKernel = void(std::uint64_t seed, std::uint64_t block, Tensor& place);
extern DeviceKernels<SetPlaceKernel> set_place_kernels;

/// A `RandomPlace` as kernels take it; `base` is null or points to its two numbers.
struct StreamPlace {
  std::uint64_t seed, first_block;
  const std::int64_t* base;

  /// The place itself, with the numbers that `base` holds now.
  RV_HD StreamPlace resolved() const {
    if (base == nullptr) return *this;
    return {static_cast<std::uint64_t>(base[0]), first_block + static_cast<std::uint64_t>(base[1]),
            nullptr};
  }
};

}  // namespace ranvier::detail
