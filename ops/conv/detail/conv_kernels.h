// What the convolution computes, without checks and without the tape.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::detail {

/// `compute` is the dtype that f32 operands are multiplied in.
void conv_forward_cpu(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                      const Tensor& bias, DType compute, Tensor& y);
void conv_input_gradient_cpu(const ConvShape& shape, const Tensor& gy, const Tensor& weight,
                             DType compute, Tensor& gx);
void conv_weight_gradient_cpu(const ConvShape& shape, const Tensor& x, const Tensor& gy,
                              DType compute, Tensor& gw);

}  // namespace ranvier::detail
