// Surrogate gradients: what backward puts in place of the derivative of the spike's step function,
// as a function of x = membrane - threshold. Formulas and defaults as in SpikingJelly's
// `activation_based/surrogate.py` (FastSigmoid, StraightThrough: snnTorch's `surrogate.py`;
// SingleExponential: Sinabs' `surrogate_gradient_fn.py`).
//
// A surrogate is an aggregate of its options with a `name` and a `Slope` functor, derived from
// the options once on the host. To add one, write it here and name it in `AllSurrogates`.
#pragma once

#include <cmath>
#include <numbers>
#include <variant>

#include "ranvier/core/error.h"
#include "ranvier/ops/neurons/math.h"
#include "ranvier/ops/neurons/type_list.h"

namespace ranvier::surrogate {

using neurons::absolute;
using neurons::exponential;
using neurons::mul_add;
using neurons::reciprocal;
using neurons::select;

/// Error unless a surrogate's option is finite and > 0.
inline double checked_positive(const char* surrogate, const char* option, double value) {
  RV_CHECK(std::isfinite(value) && value > 0, "[{}] {} must be finite and > 0; got {}.", surrogate,
           option, value);
  return value;
}

/// (alpha / 2) / (1 + (pi / 2 alpha x)^2), as the reciprocal of 2 / alpha + (pi sqrt(alpha / 2)
/// x)^2
struct ATan {
  double alpha = 2.0;
  static constexpr const char* name = "atan";
  template <class R>
  struct Slope {
    R steepness, least;
    RV_HD R operator()(R x) const {
      const R u = steepness * x;
      return reciprocal(mul_add(u, u, least));
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    checked_positive(name, "alpha", alpha);
    return {static_cast<R>(std::numbers::pi * std::sqrt(alpha / 2)), static_cast<R>(2 / alpha)};
  }
};

/// alpha s (1 - s) with s = 1 / (1 + e^(-alpha x))
struct Sigmoid {
  double alpha = 4.0;
  static constexpr const char* name = "sigmoid";
  template <class R>
  struct Slope {
    R alpha;
    RV_HD R operator()(R x) const {
      const R e = exponential(-absolute(alpha * x));
      return alpha * e * reciprocal((R(1) + e) * (R(1) + e));
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    return {static_cast<R>(checked_positive(name, "alpha", alpha))};
  }
};

/// 1 / (1 + slope |x|)^2
struct FastSigmoid {
  double slope = 25.0;
  static constexpr const char* name = "fast_sigmoid";
  template <class R>
  struct Slope {
    R slope;
    RV_HD R operator()(R x) const {
      const R u = mul_add(slope, absolute(x), R(1));
      return reciprocal(u * u);
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    return {static_cast<R>(checked_positive(name, "slope", slope))};
  }
};

/// alpha - alpha^2 |x| where that is positive, else 0: a triangle of area 1.
struct PiecewiseQuadratic {
  double alpha = 1.0;
  static constexpr const char* name = "piecewise_quadratic";
  template <class R>
  struct Slope {
    R alpha, minus_alpha_squared;
    RV_HD R operator()(R x) const {
      const R u = mul_add(minus_alpha_squared, absolute(x), alpha);
      return select(u > R(0), u, R(0));
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    checked_positive(name, "alpha", alpha);
    return {static_cast<R>(alpha), static_cast<R>(-alpha * alpha)};
  }
};

/// alpha / sqrt(pi) e^(-(alpha x)^2)
struct Erf {
  double alpha = 2.0;
  static constexpr const char* name = "erf";
  template <class R>
  struct Slope {
    R height, alpha;
    RV_HD R operator()(R x) const {
      const R u = alpha * x;
      return height * exponential(-u * u);
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    checked_positive(name, "alpha", alpha);
    return {static_cast<R>(alpha * std::numbers::inv_sqrtpi), static_cast<R>(alpha)};
  }
};

/// alpha where |x| < 1 / (2 alpha), else 0: a box of area 1.
struct Rectangle {
  double alpha = 1.0;
  static constexpr const char* name = "rectangle";
  template <class R>
  struct Slope {
    R alpha, half_width;
    RV_HD R operator()(R x) const { return select(absolute(x) < half_width, alpha, R(0)); }
  };
  template <class R>
  Slope<R> slope_functor() const {
    checked_positive(name, "alpha", alpha);
    return {static_cast<R>(alpha), static_cast<R>(0.5 / alpha)};
  }
};

/// e^(-|x| / width) / width, Sinabs' SingleExponential: there the width is in units of the
/// threshold.
struct SingleExponential {
  double width = 0.5;
  static constexpr const char* name = "single_exponential";
  template <class R>
  struct Slope {
    R height;
    RV_HD R operator()(R x) const { return height * exponential(-height * absolute(x)); }
  };
  template <class R>
  Slope<R> slope_functor() const {
    return {static_cast<R>(1 / checked_positive(name, "width", width))};
  }
};

/// 1 everywhere
struct StraightThrough {
  static constexpr const char* name = "straight_through";
  template <class R>
  struct Slope {
    RV_HD R operator()(R /*x*/) const { return R(1); }
  };
  template <class R>
  Slope<R> slope_functor() const {
    return {};
  }
};

}  // namespace ranvier::surrogate

namespace ranvier {

/// Every surrogate of the library.
using AllSurrogates =
    neurons::TypeList<surrogate::ATan, surrogate::Sigmoid, surrogate::FastSigmoid,
                      surrogate::PiecewiseQuadratic, surrogate::Erf, surrogate::Rectangle,
                      surrogate::SingleExponential, surrogate::StraightThrough>;

/// One of them, with its options: `Surrogate s = surrogate::Sigmoid{.alpha = 4.0};`
using Surrogate = AllSurrogates::Apply<std::variant>;

}  // namespace ranvier
