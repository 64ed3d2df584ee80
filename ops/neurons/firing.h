// Fire and reset, the second half of a step that the SpikingJelly models share:
//
//   s  = 1 if h >= threshold, else 0
//   v' = v_reset where s (hard reset),  h - threshold where s (soft reset),  else h
//
// Both resets are one select: keep * h + reset_to, with keep 0 or 1.
#pragma once

#include <cmath>
#include <optional>

#include "ranvier/core/error.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::neurons {

template <class R>
struct Firing {
  R threshold;
  R keep, reset_to;
  R attached;                // 1: gradients flow through the spike into the reset; 0: detach_reset
  R jump_gain, jump_offset;  // attached times what a spike adds to the membrane: gain h + offset

  /// Sets `v` to the membrane after the reset; returns the spike.
  template <class Fires>
  RV_HD R step(R h, R& v, Fires fire) const {
    const auto spike = fire.at_or_above(h - threshold);
    v = select(scale_gradient(spike, attached), mul_add(keep, h, reset_to), h);
    return select(spike, R(1), R(0));
  }

  /// Gradient of h from those of the spike and of v'.
  template <class Slope>
  RV_HD R adjoint(R h, R grad_spike, R grad_v, Slope slope) const {
    const R distance = h - threshold;
    const R through_spike = mul_add(grad_v, mul_add(jump_gain, h, jump_offset), grad_spike);
    const R through_membrane = select(distance >= R(0), keep * grad_v, grad_v);
    return mul_add(slope(distance), through_spike, through_membrane);
  }
};

/// Error unless `value` is finite.
inline double checked_finite(const char* model, const char* option, double value) {
  RV_CHECK(std::isfinite(value), "[{}] {} must be finite; got {}.", model, option, value);
  return value;
}

/// Error unless `value`, a time constant in steps of which a step keeps 1 - 1/value, is finite and
/// >= 1.
inline double checked_time(const char* model, const char* option, double value) {
  RV_CHECK(std::isfinite(value) && value >= 1, "[{}] {} must be finite and >= 1; got {}.", model,
           option, value);
  return value;
}

/// The firing stage of a model's options; `v_reset` absent means a soft reset.
template <class R, class Options>
Firing<R> firing(const char* model, const Options& options) {
  checked_finite(model, "threshold", options.threshold);
  if (options.v_reset) checked_finite(model, "v_reset", *options.v_reset);
  const double keep = options.v_reset.has_value() ? 0.0 : 1.0;
  const double reset_to = options.v_reset.value_or(-options.threshold);
  const double attached = options.detach_reset ? 0.0 : 1.0;
  return {static_cast<R>(options.threshold),
          static_cast<R>(keep),
          static_cast<R>(reset_to),
          static_cast<R>(attached),
          static_cast<R>(attached * (keep - 1)),
          static_cast<R>(attached * reset_to)};
}

}  // namespace ranvier::neurons
