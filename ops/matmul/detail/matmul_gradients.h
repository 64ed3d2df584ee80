// The gradients that the matrix operations share, on any device.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// What products under `compute` read of x. On a CUDA device an f32 x is rounded to the 16 bit that
/// tensor cores take, here and not in each product, so that forward and both gradients share the
/// copy and no wider one has to be saved; otherwise x itself.
Tensor product_operand(const Tensor& x, DType compute);

/// gy W^T, in `shape`; `op` is named if the device has no kernel.
Tensor gradient_of_input(const char* op, const Tensor& gy, const Tensor& weight, const Shape& shape,
                         DType compute);
/// x^T gy.
Tensor gradient_of_weight(const char* op, const Tensor& x, const Tensor& gy, DType compute);
/// The sum of gy over all axes but the last.
Tensor gradient_of_bias(const char* op, const Tensor& gy);

}  // namespace ranvier::detail
