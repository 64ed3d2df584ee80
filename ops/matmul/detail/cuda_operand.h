// What products on CUDA devices multiply: arrays in the dtype that they compute in.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::cuda {

/// f32 `x` or packed spikes as `compute` (f32, f16 or bf16): x itself, or a copy.
Tensor operand(const char* op, const Tensor& x, DType compute);

/// `x` of 16 bit or packed spikes in f32, or x itself if it is f32 or f64.
Tensor wide_operand(const char* op, const Tensor& x);

/// y[r, c] = bias[c] over the rows of y, or 0 if `bias` is undefined.
void fill_rows(const char* op, const Tensor& bias, Tensor& y);

/// y[r, c] += bias[c], of 16-bit y in f32, rounded once; `bias` is f64 if y is, else f32.
void add_to_rows(const char* op, const Tensor& bias, Tensor& y);

/// out[c] = the sum over rows of in[r, c] of a matrix of floats, added in f64 in an order that
/// depends on the sizes only; `out` is f64 if `in` is, else f32.
void column_sums(const char* op, const Tensor& in, std::int64_t rows, Tensor& out);
/// As above, and the sums of the columns after those of `out` go to `rest` (undefined: none do).
/// In both, the rows of `in` may be longer: `whole_row(columns)` values can be read fastest.
void column_sums(const char* op, const Tensor& in, std::int64_t rows, Tensor& out, Tensor& rest);

/// The least length of rows that hold `columns` values and are whole accesses of `column_sums`.
constexpr std::int64_t whole_row(std::int64_t columns) { return (columns + 3) / 4 * 4; }

}  // namespace ranvier::cuda
