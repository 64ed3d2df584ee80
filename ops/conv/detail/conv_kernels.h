// What the convolution computes, without checks and without the tape.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::detail {

/// y = conv(x, weight) + bias; `compute` is the dtype that f32 operands are multiplied in.
using ConvForwardKernel = void(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                               const Tensor& bias, DType compute, Tensor& y);
extern DeviceKernels<ConvForwardKernel> conv_forward_kernels;

using ConvInputGradientKernel = void(const ConvShape& shape, const Tensor& gy, const Tensor& weight,
                                     DType compute, Tensor& gx);
extern DeviceKernels<ConvInputGradientKernel> conv_input_gradient_kernels;

using ConvWeightGradientKernel = void(const ConvShape& shape, const Tensor& x, const Tensor& gy,
                                      DType compute, Tensor& gw);
extern DeviceKernels<ConvWeightGradientKernel> conv_weight_gradient_kernels;

}  // namespace ranvier::detail
