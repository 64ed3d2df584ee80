// cuBLASLt behind one door.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::cuda {

/// Overwrites `c` with the product plus `bias` over rows (undefined for none). `a` and `b` hold
/// `spec.compute`, and c holds that or f32; `bias` is f32, rounded as c is. With f64 all are f64.
/// Sums are f32 (f64). For the same sizes and the same alignment of the arrays the result has the
/// same bits. What cuBLASLt plans for a product is kept; only the first call of its kind plans.
void product(const char* op, const ranvier::detail::Gemm& spec, const Tensor& a, const Tensor& b,
             const Tensor& bias, Tensor& c);

/// As `product` without a bias, and overwrites `sums`, unless undefined, with the sums of b over
/// its rows; it is f64 if b is, else f32.
void product_and_sums(const char* op, const ranvier::detail::Gemm& spec, const Tensor& a,
                      const Tensor& b, Tensor& c, Tensor& sums);

}  // namespace ranvier::cuda
