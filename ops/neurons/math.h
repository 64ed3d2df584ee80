// The arithmetic of neuron formulas: one meaning, bit for bit, on every device.
//
// A formula is written once for any number type R: float and double here, dual numbers in the
// tests, which bring their own overloads of these names. A sum of products is written `mul_add`,
// never `a * b + c`: whether a compiler fuses the latter depends on machine and flags, and a
// threshold turns one flipped rounding into a flipped spike. Models and surrogates defined outside
// this namespace say `using namespace ranvier::neurons;`.
#pragma once

#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier::neurons {

/// a * b + c, rounded once.
RV_HD double mul_add(double a, double b, double c) { return __builtin_fma(a, b, c); }

/// a * b + c, rounded once, also on processors without such an instruction: the product of two
/// floats is exact in double, so is the error of the sum, and a sum rounded to odd survives the
/// second rounding to float (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums",
/// IEEE Trans. Computers 2008). Unlike a library call, it vectorises.
RV_HD float mul_add(float a, float b, float c) {
#if defined(__FP_FAST_FMAF) || defined(__CUDA_ARCH__)
  return __builtin_fmaf(a, b, c);
#else
  const double product = static_cast<double>(a) * b;
  const double sum = product + c;
  const double added = sum - product;
  const double error = (product - (sum - added)) + (c - added);
  const auto bits = __builtin_bit_cast(std::int64_t, sum);
  const std::int64_t outwards = ((error > 0) == (sum > 0)) ? 1 : -1;
  const bool inexact = error > 0 || error < 0;
  const std::int64_t odd = inexact && (bits & 1) == 0 ? bits + outwards : bits;
  return static_cast<float>(__builtin_bit_cast(double, odd));
#endif
}

/// 1 / b for b >= 2^-120; a b above 2^120 counts as 2^120. The bits are those of the division: a
/// CUDA device takes the very steps of its own, without the branch for numbers that those steps
/// cannot divide, which keeps the divisions of a thread from running side by side.
RV_HD float reciprocal(float b) {
#if defined(__CUDA_ARCH__)
  float nearly;
  asm("min.NaN.f32 %0, %0, 0f7B800000;" : "+f"(b));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(nearly) : "f"(b));
  return mul_add(nearly, mul_add(-b, nearly, 1.0f), nearly);
#else
  return 1.0f / (b > 0x1p120f ? 0x1p120f : b);
#endif
}
RV_HD double reciprocal(double b) { return 1.0 / (b > 0x1p120 ? 0x1p120 : b); }

RV_HD float select(bool condition, float a, float b) { return condition ? a : b; }
RV_HD double select(bool condition, double a, double b) { return condition ? a : b; }

RV_HD float absolute(float x) { return __builtin_fabsf(x); }
RV_HD double absolute(double x) { return __builtin_fabs(x); }

/// A spike or value whose derivative is scaled by `factor`: the identity for plain numbers.
template <class T, class R>
RV_HD T scale_gradient(T value, R /*factor*/) {
  return value;
}
/// A spike or value through which no gradient flows: the identity for plain numbers.
template <class T>
RV_HD T stop_gradient(T value) {
  return value;
}

/// What a model asks whether it fires; a dual number's version carries the surrogate's slope.
struct Fire {
  template <class R>
  RV_HD bool at_or_above(R distance) const {
    return distance >= R(0);
  }
  template <class R>
  RV_HD bool above(R distance) const {
    return distance > R(0);
  }
};

template <class R>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  using Bits = std::int32_t;
  static constexpr float round = 0x1.8p23f, log2_e = 0x1.715476p0f;
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float lowest = -87.0f, highest = 88.0f;
  static constexpr int mantissa = 23, bias = 127, degree = 7;
};
template <>
struct ExpConstants<double> {
  using Bits = std::int64_t;
  static constexpr double round = 0x1.8p52, log2_e = 0x1.71547652b82fep0;
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double lowest = -708.0, highest = 709.0;
  static constexpr int mantissa = 52, bias = 1023, degree = 13;
};

template <class R>
RV_HD R exponential_series(R x) {
  using C = ExpConstants<R>;
  using Bits = typename C::Bits;
  x = select(x < C::lowest, C::lowest, select(x > C::highest, C::highest, x));
  // exp(x) = 2^n exp(r), |r| <= ln(2) / 2. Adding `round` leaves n in the low mantissa bits.
  const R shifted = mul_add(x, C::log2_e, C::round);
  const R n = shifted - C::round;
  const R r = mul_add(n, -C::ln2_low, mul_add(n, -C::ln2_high, x));
  R series = R(1);
  for (int k = C::degree; k >= 1; --k) series = mul_add(series * r, R(1) / R(k), R(1));
  const Bits exponent = __builtin_bit_cast(Bits, shifted) - __builtin_bit_cast(Bits, C::round);
  return series * __builtin_bit_cast(R, (exponent + C::bias) << C::mantissa);
}

/// e^x to within 2 units in the last place; clamped to the range of normal numbers.
RV_HD float exponential(float x) { return exponential_series(x); }
RV_HD double exponential(double x) { return exponential_series(x); }

/// 1 / (1 + e^-x).
template <class R>
RV_HD R logistic(R x) {
  return R(1) / (R(1) + exponential(-x));
}

}  // namespace ranvier::neurons
