// The linear layer.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `x W + bias` over the last axis: x (..., in), weight (in, out), bias (out,) or undefined, to
/// (..., out). x has the weight's dtype, f32 or f64, or holds 16-bit floats or packed spikes (with
/// f32 weights). The result has the weight's dtype too; but under an `AutocastGuard`, which makes
/// f32 products compute in 16 bit, it is 16 bit on CUDA devices. The gradient of x has x's dtype.
/// Sparse packed spikes are multiplied event by event, see ops/spikes/event_thresholds.h. Errors:
/// shapes or dtypes that do not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace ranvier
