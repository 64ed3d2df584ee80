// Elementwise functions of one and of two tensors.
//
// A new function is three edits: a functor with its derivative (detail/functors.h), a line in the
// list (detail/functions.def), and its declaration here.
//
// All take f32 and f64, of which two operands need the same, and give it back, or 16-bit floats,
// which count as f32 and give f32; but a sum of two of one shape, as at the end of a residual
// connection, is rounded to their dtype. Shapes of two operands broadcast by NumPy's rules, and
// gradients are summed over broadcast axes. Errors, all tagged with the function's name: another
// dtype, two dtypes, shapes that do not broadcast.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);  ///< derivative 0 at 0
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);  ///< derivative 0 at 0; NaN stays NaN
/// x limited to [low, high]; derivative 1 within, ends included. Error: low > high.
Tensor clamp(const Tensor& x, double low, double high);
/// x to the power of `exponent`.
Tensor pow(const Tensor& x, double exponent);

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);  ///< equal operands share the gradient; NaN wins
Tensor minimum(const Tensor& a, const Tensor& b);  ///< as `maximum`

Tensor add(const Tensor& a, double b);
Tensor sub(const Tensor& a, double b);
Tensor sub(double a, const Tensor& b);
Tensor mul(const Tensor& a, double b);
Tensor div(const Tensor& a, double b);
Tensor div(double a, const Tensor& b);

inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, b); }
inline Tensor operator+(double a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(double a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(b, a); }
inline Tensor operator/(double a, const Tensor& b) { return div(a, b); }

}  // namespace ranvier
