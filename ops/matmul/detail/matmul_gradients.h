// The gradients that the matrix operations share, on any device.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// gy W^T, in `shape`; `op` is named if the device has no kernel.
Tensor gradient_of_input(const char* op, const Tensor& gy, const Tensor& weight, const Shape& shape,
                         DType compute);
/// x^T gy.
Tensor gradient_of_weight(const char* op, const Tensor& x, const Tensor& gy, DType compute);
/// The sum of gy over all axes but the last.
Tensor gradient_of_bias(const char* op, const Tensor& gy);

}  // namespace ranvier::detail
