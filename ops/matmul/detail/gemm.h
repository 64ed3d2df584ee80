// Dense matrix products on the CPU, over arrays.
#pragma once

#include <cstdint>

#include "ranvier/core/dtype.h"
#include "ranvier/ops/matmul/detail/operand.h"

namespace ranvier::detail {

/// C[m, n] = A[m, k] B[k, n], all row-major.
struct Gemm {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool transpose_a = false;    ///< A is stored as [k, m]
  bool transpose_b = false;    ///< B is stored as [n, k]
  DType compute = DType::f32;  ///< what A and B are multiplied as: f32 or bf16

  auto operator<=>(const Gemm&) const = default;
};

/// Overwrites `c` with the product plus `bias[n]` (null for none), summed in f32. The result does
/// not depend on the number of threads; on processors with AVX-512 a row of it does not depend on
/// the number of rows either, so that a shard of time gives the bits of the whole.
void gemm(const Gemm& spec, const Operand& a, const Operand& b, const float* bias, float* c);

/// The same in f64 with plain loops, for checks; `compute` is ignored.
void gemm(const Gemm& spec, const double* a, const double* b, const double* bias, double* c);

/// out[c] = sum over rows of in[r, c], in an order that depends on the shape only.
void column_sums(const float* in, std::int64_t rows, std::int64_t columns, float* out);
void column_sums(const double* in, std::int64_t rows, std::int64_t columns, double* out);

/// out[i] = sum over p of parts[p * count + i], in the order of p.
void add_parts(const float* parts, std::int64_t number, std::int64_t count, float* out);

}  // namespace ranvier::detail
