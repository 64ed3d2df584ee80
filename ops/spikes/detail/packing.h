// Packing and unpacking of tensors, a function for each kind of device.
#pragma once

#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Anything but zero.
template <class T>
RV_HD bool is_spike(T value) {
  if constexpr (is_half<T>)
    return convert<T, float>(value) != 0;
  else
    return value != T(0);
}

/// Packed rows of spikes and how many values each holds.
struct PackedRows {
  std::int64_t rows, columns;

  explicit PackedRows(const Shape& shape)
      : rows(shape.sub(0, shape.rank() - 1).numel()), columns(shape[-1]) {}
};

/// Packs x, of a numeric dtype, into `spikes` of its shape.
using PackKernel = void(const Tensor& x, Tensor& spikes);
extern DeviceKernels<PackKernel> pack_kernels;

/// Writes `spikes` into y, of their shape and a numeric dtype, as zeros and ones.
using UnpackKernel = void(const Tensor& spikes, Tensor& y);
extern DeviceKernels<UnpackKernel> unpack_kernels;

}  // namespace ranvier::detail
