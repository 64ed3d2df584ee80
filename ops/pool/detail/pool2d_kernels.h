// What pooling needs of each kind of device. Arrays are those of the plan: images of pixels of
// channels, f32 or f64, on CUDA devices 16-bit floats too; max-pooling takes packed spikes as well,
// whose gradients are f32.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/pool/detail/windows.h"

namespace ranvier::detail {

using PoolKernel = void(const PoolPlan& plan, const Tensor& x, Tensor& y);
extern DeviceKernels<PoolKernel> max_pool_kernels;
extern DeviceKernels<PoolKernel> avg_pool_kernels;

/// Fills `gx`: the gradient `gy` at each window's first largest value, zero elsewhere. Of packed
/// spikes it goes to the first spike, or the first pixel.
using MaxPoolBackwardKernel = void(const PoolPlan& plan, const Tensor& x, const Tensor& gy,
                                   Tensor& gx);
extern DeviceKernels<MaxPoolBackwardKernel> max_pool_backward_kernels;

/// Fills `gx`.
using AvgPoolBackwardKernel = void(const PoolPlan& plan, const Tensor& gy, Tensor& gx);
extern DeviceKernels<AvgPoolBackwardKernel> avg_pool_backward_kernels;

}  // namespace ranvier::detail
