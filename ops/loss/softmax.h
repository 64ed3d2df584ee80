// Softmax and its logarithm over the last axis.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// exp(x) / sum exp(x) over the last axis of x [..., C], f32 or f64 (16-bit floats count as f32).
/// Errors: rank 0; another dtype.
Tensor softmax(const Tensor& x);

/// log(softmax(x)), exact also where softmax rounds to 0. Errors as `softmax`.
Tensor log_softmax(const Tensor& x);

}  // namespace ranvier
