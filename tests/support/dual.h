// Dual numbers: a value and its derivative along one direction. Run through a neuron's `step` with
// a `Fire` that carries the surrogate's slope, they give the exact forward-mode derivative that
// the model's hand-written `adjoint` must equal.
#pragma once

#include <cmath>

namespace ranvier::test {

struct Dual {
  double value = 0, derivative = 0;

  Dual() = default;
  constexpr Dual(double v, double d = 0) : value(v), derivative(d) {}
};

inline Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.derivative + b.derivative}; }
inline Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.derivative - b.derivative}; }
inline Dual operator-(Dual a) { return {-a.value, -a.derivative}; }
inline Dual operator*(Dual a, Dual b) {
  return {a.value * b.value, a.derivative * b.value + a.value * b.derivative};
}
inline Dual operator/(Dual a, Dual b) {
  const double q = a.value / b.value;
  return {q, (a.derivative - q * b.derivative) / b.value};
}
inline bool operator>(Dual a, Dual b) { return a.value > b.value; }
inline bool operator<(Dual a, Dual b) { return a.value < b.value; }
inline bool operator>=(Dual a, Dual b) { return a.value >= b.value; }
inline bool operator<=(Dual a, Dual b) { return a.value <= b.value; }

inline Dual mul_add(Dual a, Dual b, Dual c) { return a * b + c; }
inline Dual absolute(Dual x) { return x.value < 0 ? -x : x; }
inline Dual exponential(Dual x) {
  const double e = std::exp(x.value);
  return {e, e * x.derivative};
}

inline Dual select(bool condition, Dual a, Dual b) { return condition ? a : b; }
/// A spike chooses between a and b: spike * a + (1 - spike) * b, spike in {0, 1}.
inline Dual select(Dual spike, Dual a, Dual b) {
  const Dual chosen = spike.value != 0 ? a : b;
  return {chosen.value, chosen.derivative + spike.derivative * (a.value - b.value)};
}
inline Dual scale_gradient(Dual x, Dual factor) { return {x.value, factor.value * x.derivative}; }
inline Dual stop_gradient(Dual x) { return {x.value, 0}; }

/// The step function with the surrogate's slope as its derivative.
template <class Slope>
struct DualFire {
  Slope slope;  ///< takes and returns double

  Dual at_or_above(Dual x) const {
    return {x.value >= 0 ? 1.0 : 0.0, slope(x.value) * x.derivative};
  }
  Dual above(Dual x) const { return {x.value > 0 ? 1.0 : 0.0, slope(x.value) * x.derivative}; }
};

}  // namespace ranvier::test
