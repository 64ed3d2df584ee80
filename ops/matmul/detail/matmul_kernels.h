// What the matrix operations compute, without checks and without the tape.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// y = x W + bias over rows; `compute` is the dtype that f32 operands are multiplied in.
void linear_forward_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, DType compute,
                        Tensor& y);
/// gx = gy W^T.
void linear_input_gradient_cpu(const Tensor& gy, const Tensor& weight, DType compute, Tensor& gx);
/// gw = x^T gy.
void linear_weight_gradient_cpu(const Tensor& x, const Tensor& gy, DType compute, Tensor& gw);
/// gb = the sum of gy over all axes but the last.
void bias_gradient_cpu(const Tensor& gy, Tensor& gb);

}  // namespace ranvier::detail
