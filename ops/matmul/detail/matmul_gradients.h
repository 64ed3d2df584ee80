// What the matrix operations share, on any device: the dtypes of operands and results, gradients.
#pragma once

#include <utility>

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// True if x can be multiplied with f32 or f64 `weight`: it has weight's dtype, or holds 16-bit
/// floats or packed spikes and weight is f32.
bool can_multiply(const Tensor& x, const Tensor& weight);

/// `x` with 16-bit floats that products under `compute` do not take, in a dtype that they do take,
/// differentiably: in f32, or on CUDA devices in `compute`. Anything else is returned as it is.
Tensor product_input(const Tensor& x, DType compute);

/// The dtype of products with `operand` (f64, f32 or rounded from it) under `compute`: f64 or f32,
/// but on CUDA devices those of f32 operands are stored in what they are computed in.
DType product_dtype(const Tensor& operand, DType compute);

/// The dtype of the gradient of a parameter, from that of a product: f64 or else f32.
DType parameter_dtype(const Tensor& gy);

/// What products under `compute` read of x. On a CUDA device an f32 x is rounded to the 16 bit that
/// tensor cores take, here and not in each product, so that forward and both gradients share the
/// copy and no wider one has to be saved; otherwise x itself.
Tensor product_operand(const Tensor& x, DType compute);

/// As `product_operand`, of a weight: the copy of a parameter is kept, see core/rounded_copy.h.
Tensor product_weight(const Tensor& weight, DType compute);

/// The shape and dtype of an operand and so of its gradient: packed spikes have f32 ones.
struct GradientForm {
  explicit GradientForm(const Tensor& operand);
  Tensor empty_on(Device device) const;

  Shape shape;
  DType dtype;
};

/// gy W^T; `op` is named if the device has no kernel.
Tensor gradient_of_input(const char* op, const Tensor& gy, const Tensor& weight,
                         const GradientForm& form, DType compute);
/// x^T gy, as a parameter's.
Tensor gradient_of_weight(const char* op, const Tensor& x, const Tensor& gy, DType compute);
/// Both of a layer: `gradient_of_weight` and `gradient_of_bias`, for less than the two.
std::pair<Tensor, Tensor> gradients_of_layer(const char* op, const Tensor& x, const Tensor& gy,
                                             DType compute);
/// The sum of gy over all axes but the last, as a parameter's.
Tensor gradient_of_bias(const char* op, const Tensor& gy);

}  // namespace ranvier::detail
