// What tensors themselves need of a device.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Sets every element to `value`.
using FillKernel = void(Tensor& target, double value);
extern DeviceKernels<FillKernel> fill_kernels;

/// Writes `source`, converted, into `result` of the same shape and another numeric dtype.
using ConvertKernel = void(const Tensor& source, Tensor& result);
extern DeviceKernels<ConvertKernel> convert_kernels;

/// result = a + b, of one floating dtype, 16 bit in f32 and rounded; `result` may be `a`.
using AccumulateKernel = void(const Tensor& a, const Tensor& b, Tensor& result);
extern DeviceKernels<AccumulateKernel> accumulate_kernels;

}  // namespace ranvier::detail
