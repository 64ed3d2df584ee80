// What the matrix operations compute, without checks and without the tape.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// y = x W + bias over rows; `compute` is the dtype that f32 operands are multiplied in.
using LinearForwardKernel = void(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 DType compute, Tensor& y);
extern DeviceKernels<LinearForwardKernel> linear_forward_kernels;

/// gx = gy W^T.
using LinearInputGradientKernel = void(const Tensor& gy, const Tensor& weight, DType compute,
                                       Tensor& gx);
extern DeviceKernels<LinearInputGradientKernel> linear_input_gradient_kernels;

/// gw = x^T gy, and gb, if it is defined, as by `BiasGradientKernel`: gy is at hand.
using LinearWeightGradientKernel = void(const Tensor& x, const Tensor& gy, DType compute,
                                        Tensor& gw, Tensor& gb);
extern DeviceKernels<LinearWeightGradientKernel> linear_weight_gradient_kernels;

/// gb = the sum of gy over all axes but the last.
using BiasGradientKernel = void(const Tensor& gy, Tensor& gb);
extern DeviceKernels<BiasGradientKernel> bias_gradient_kernels;

}  // namespace ranvier::detail
