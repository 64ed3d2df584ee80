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

}  // namespace ranvier::cuda
