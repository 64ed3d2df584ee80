// cuBLASLt behind one door.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::cuda {

/// Overwrites `c` (f32, or f64 where `spec.compute` is) with the product plus `bias` over rows
/// (undefined for none). `a` and `b` hold `spec.compute`; sums are f32 (f64). For the same sizes
/// and the same alignment of the arrays the result has the same bits. What cuBLASLt plans for a
/// product is kept; only the first call of its kind plans.
void product(const char* op, const ranvier::detail::Gemm& spec, const Tensor& a, const Tensor& b,
             const Tensor& bias, Tensor& c);

}  // namespace ranvier::cuda
