// Products with few outputs, which cuBLASLt is slow at.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::cuda {

/// Overwrites `c` as `product` does and returns true, if it is a product of 16-bit operands with at
/// most 16 outputs of a linear layer, or one of its gradients, and the layer's inputs come in rows
/// of whole 16 bytes; `bias` is f32, not rounded, and `sums`, unless undefined, is overwritten as
/// `product_and_sums` does. Otherwise does nothing and returns false.
bool narrow_product(const char* op, const ranvier::detail::Gemm& spec, const Tensor& a,
                    const Tensor& b, const Tensor& bias, Tensor& c, Tensor& sums);

}  // namespace ranvier::cuda
