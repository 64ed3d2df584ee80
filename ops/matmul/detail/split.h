// f32 products on tensor cores, in parts of 16 bit.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::cuda {

/// Overwrites `c` as `product` does and returns true, if it is an f32 product of a long matrix with
/// one of at most 128 x 128, or of two such long ones over their rows, and TF32 is not allowed. It
/// is as exact as with f32 arithmetic, and sums have a fixed order; `sums`, unless undefined, is
/// overwritten as `product_and_sums` does. Otherwise does nothing and returns false.
bool split_product(const char* op, const ranvier::detail::Gemm& spec, const Tensor& a,
                   const Tensor& b, const Tensor& bias, Tensor& c, Tensor& sums);

}  // namespace ranvier::cuda
