// Matrix products.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// The product (m, n) of a (m, k) and b (k, n): both f64, or each f32 or 16-bit floats. It is f64
/// or f32; but under an `AutocastGuard`, which makes f32 products compute in 16 bit, it is 16 bit
/// on CUDA devices. Gradients have their operand's dtype. Error: other ranks, inner extents that
/// differ, other dtypes.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace ranvier
