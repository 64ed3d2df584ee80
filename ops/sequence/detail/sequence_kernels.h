// What sequences of different lengths need of a device. Undefined lengths: all steps count. Lengths
// were checked on the CPU, but may hold anything on a CUDA device.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/sequence/readout.h"

namespace ranvier::detail {

/// Reads x [T, B, ...] off to y [B, ...]. `found`, i64 [B, ...], is defined for the readout `max`
/// and gets the steps of the largest values.
using ReadOutKernel = void(Readout readout, const Tensor& x, const Tensor& lengths, Tensor& y,
                           Tensor& found);
extern DeviceKernels<ReadOutKernel> read_out_kernels;

/// The gradient of x from `grad`, that of y; `found` as `ReadOutKernel` left it.
using ReadOutBackwardKernel = void(Readout readout, const Tensor& grad, const Tensor& lengths,
                                   const Tensor& found, Tensor& result);
extern DeviceKernels<ReadOutBackwardKernel> read_out_backward_kernels;

/// Overwrites mask, f32 [T, B].
using StepMaskKernel = void(const Tensor& lengths, Tensor& mask);
extern DeviceKernels<StepMaskKernel> step_mask_kernels;

/// The mean of f32, f64 or packed spikes [T, B, ...] over the samples' own steps and the neurons.
using FiringRateKernel = double(const Tensor& spikes, const Tensor& lengths);
extern DeviceKernels<FiringRateKernel> firing_rate_kernels;

}  // namespace ranvier::detail
