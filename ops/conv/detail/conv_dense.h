// Dense convolutions on the CPU, over arrays.
#pragma once

#include "ranvier/ops/conv/detail/conv_shape.h"
#include "ranvier/ops/matmul/detail/operand.h"

namespace ranvier::detail {

// Operands are rows of pixels: x is [images * height * width, in]. Everything is multiplied as
// `compute` (f32 or bf16), summed in f32 and overwrites f32 results. Images are convolved one by
// one, so results do not depend on the number of threads, nor an image's on the other images.

/// Leaves out the images whose byte in `left_out` is not 0 (null for none).
void conv_forward(const ConvShape& shape, const Operand& x, const float* weight, const float* bias,
                  DType compute, float* y, const std::uint8_t* left_out = nullptr);
void conv_input_gradient(const ConvShape& shape, const float* gy, const float* weight,
                         DType compute, float* gx);
/// Sums over fixed groups of images, then over the groups in order.
void conv_weight_gradient(const ConvShape& shape, const Operand& x, const float* gy, DType compute,
                          float* gw);

// The same in f64 with plain loops, for checks.

void conv_forward(const ConvShape& shape, const double* x, const double* weight, const double* bias,
                  double* y);
void conv_input_gradient(const ConvShape& shape, const double* gy, const double* weight,
                         double* gx);
void conv_weight_gradient(const ConvShape& shape, const double* x, const double* gy, double* gw);

}  // namespace ranvier::detail
