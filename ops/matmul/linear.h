// The linear layer.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `x W + bias` over the last axis: x (..., in), weight (in, out), bias (out,) or undefined, to
/// (..., out). x is f32, f64 or packed spikes (with f32 weights); all else has the weight's dtype.
/// Sparse packed spikes are multiplied event by event, see ops/spikes/event_thresholds.h. An
/// `AutocastGuard` makes f32 products compute in 16 bit. Errors: shapes or dtypes that do not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace ranvier
