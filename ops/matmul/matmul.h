// Matrix products.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// The product (m, n) of a (m, k) and b (k, n), both f32 or both f64. Error: other ranks, inner
/// extents that differ, other dtypes.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace ranvier
