// What pointwise functions compute: a value, and its derivative from what backward has at hand.
// Derivatives may be bool or int; they are converted to the type of the gradient.
#pragma once

#include <cmath>

#include "ranvier/core/platform.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::pointwise {

/// What a derivative is made of, so that nothing else is saved for backward.
enum class From {
  nothing,
  input,   ///< unary: x
  output,  ///< unary: y
  other,   ///< binary: the derivative by a reads b only, that by b reads a only
  both,    ///< binary: a and b
};

// --- of one tensor: `derivative` gets x, y or 0, as `from` says ---------------------------------

struct Neg {
  static constexpr From from = From::nothing;
  RV_HD auto value(auto x) const { return -x; }
  RV_HD auto derivative(auto) const { return -1; }
};

struct Abs {
  static constexpr From from = From::input;
  RV_HD auto value(auto x) const { return neurons::absolute(x); }
  RV_HD auto derivative(auto x) const { return (x > 0) - (x < 0); }
};

struct Exp {
  static constexpr From from = From::output;
  RV_HD auto value(auto x) const { return std::exp(x); }
  RV_HD auto derivative(auto y) const { return y; }
};

struct Log {
  static constexpr From from = From::input;
  RV_HD auto value(auto x) const { return std::log(x); }
  RV_HD auto derivative(auto x) const { return 1 / x; }
};

struct Sqrt {
  static constexpr From from = From::output;
  RV_HD auto value(auto x) const { return std::sqrt(x); }
  RV_HD auto derivative(auto y) const { return 1 / (y + y); }
};

struct Square {
  static constexpr From from = From::input;
  RV_HD auto value(auto x) const { return x * x; }
  RV_HD auto derivative(auto x) const { return x + x; }
};

struct Reciprocal {
  static constexpr From from = From::output;
  RV_HD auto value(auto x) const { return 1 / x; }
  RV_HD auto derivative(auto y) const { return -(y * y); }
};

struct Tanh {
  static constexpr From from = From::output;
  RV_HD auto value(auto x) const { return std::tanh(x); }
  RV_HD auto derivative(auto y) const { return 1 - y * y; }
};

struct Sigmoid {
  static constexpr From from = From::output;
  RV_HD auto value(auto x) const { return neurons::logistic(x); }
  RV_HD auto derivative(auto y) const { return y * (1 - y); }
};

struct Relu {
  static constexpr From from = From::output;
  RV_HD auto value(auto x) const { return x <= 0 ? 0 : x; }
  RV_HD auto derivative(auto y) const { return y > 0; }
};

struct Clamp {
  static constexpr From from = From::input;
  double low, high;
  template <class R>
  RV_HD R value(R x) const {
    return x < R(low) ? R(low) : x > R(high) ? R(high) : x;
  }
  template <class R>
  RV_HD bool derivative(R x) const {
    return x >= R(low) && x <= R(high);
  }
};

struct Pow {
  static constexpr From from = From::input;
  double exponent;
  template <class R>
  RV_HD R value(R x) const {
    return std::pow(x, R(exponent));
  }
  template <class R>
  RV_HD R derivative(R x) const {
    return exponent == 0 ? R(0) : R(exponent) * std::pow(x, R(exponent - 1));
  }
};

struct AddScalar {
  static constexpr From from = From::nothing;
  double scalar;
  template <class R>
  RV_HD R value(R x) const {
    return x + R(scalar);
  }
  RV_HD auto derivative(auto) const { return 1; }
};

struct MulScalar {
  static constexpr From from = From::nothing;
  double scalar;
  template <class R>
  RV_HD R value(R x) const {
    return x * R(scalar);
  }
  RV_HD auto derivative(auto) const { return scalar; }
};

struct DivScalar {
  static constexpr From from = From::nothing;
  double scalar;
  template <class R>
  RV_HD R value(R x) const {
    return x / R(scalar);
  }
  RV_HD auto derivative(auto) const { return 1 / scalar; }
};

struct ScalarSub {
  static constexpr From from = From::nothing;
  double scalar;
  template <class R>
  RV_HD R value(R x) const {
    return R(scalar) - x;
  }
  RV_HD auto derivative(auto) const { return -1; }
};

struct ScalarDiv {
  static constexpr From from = From::input;
  double scalar;
  template <class R>
  RV_HD R value(R x) const {
    return R(scalar) / x;
  }
  template <class R>
  RV_HD R derivative(R x) const {
    return -R(scalar) / (x * x);
  }
};

// --- of two tensors: both derivatives may read of a and b what `from` says ----------------------

struct Add {
  static constexpr From from = From::nothing;
  RV_HD auto value(auto a, auto b) const { return a + b; }
  RV_HD auto derivative_a(auto, auto) const { return 1; }
  RV_HD auto derivative_b(auto, auto) const { return 1; }
};

struct Sub {
  static constexpr From from = From::nothing;
  RV_HD auto value(auto a, auto b) const { return a - b; }
  RV_HD auto derivative_a(auto, auto) const { return 1; }
  RV_HD auto derivative_b(auto, auto) const { return -1; }
};

struct Mul {
  static constexpr From from = From::other;
  RV_HD auto value(auto a, auto b) const { return a * b; }
  RV_HD auto derivative_a(auto, auto b) const { return b; }
  RV_HD auto derivative_b(auto a, auto) const { return a; }
};

struct Div {
  static constexpr From from = From::both;
  RV_HD auto value(auto a, auto b) const { return a / b; }
  RV_HD auto derivative_a(auto, auto b) const { return 1 / b; }
  RV_HD auto derivative_b(auto a, auto b) const { return -(a / b) / b; }
};

// Equal operands share the gradient, as in PyTorch: neither is preferred. NaN wins.
struct Maximum {
  static constexpr From from = From::both;
  RV_HD auto value(auto a, auto b) const { return a > b || a != a ? a : b; }
  template <class R>
  RV_HD R derivative_a(R a, R b) const {
    return a > b ? R(1) : a == b ? R(0.5) : R(0);
  }
  RV_HD auto derivative_b(auto a, auto b) const { return derivative_a(b, a); }
};

struct Minimum {
  static constexpr From from = From::both;
  RV_HD auto value(auto a, auto b) const { return a < b || a != a ? a : b; }
  template <class R>
  RV_HD R derivative_a(R a, R b) const {
    return a < b ? R(1) : a == b ? R(0.5) : R(0);
  }
  RV_HD auto derivative_b(auto a, auto b) const { return derivative_a(b, a); }
};

}  // namespace ranvier::pointwise
