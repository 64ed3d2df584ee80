// Adaptive leaky integrate and fire, Sinabs' ALIF and Bellec et al.'s adaptive neuron (2018): each
// spike raises the threshold, which falls back over time. With alpha = e^(-1/tau), rho =
// e^(-1/tau_adapt) and r = v_reset (0 for a soft reset):
//
//   h  = alpha v + (1 - alpha) r + gain x,   gain = 1 - alpha if decay_input, else 1
//   th = threshold + adapt_scale b
//   s  = 1 if h >= th, else 0
//   v' = v_reset where s (hard reset),  h - th where s (soft reset),  else h
//   b' = rho b + (1 - rho) s
//
// Gradients flow through th and through the spike into b'; with detach_reset none flows through
// the spike into v'. A decay of 1 - 1/T (Bellec's first order, SpikingJelly's) is that of
// tau = -1 / ln(1 - 1/T).
#pragma once

#include <cmath>
#include <optional>

#include "ranvier/ops/neurons/firing.h"
#include "ranvier/ops/neurons/surrogates.h"

namespace ranvier {

/// Options of the leaky integrate-and-fire neuron with an adaptive threshold.
struct ALIFOptions {
  double tau = 20.0;         ///< membrane time constant in steps, > 0; a step keeps e^(-1/tau)
  double tau_adapt = 100.0;  ///< of the threshold in steps, > 0; a step keeps e^(-1/tau_adapt)
  bool decay_input = true;   ///< true: the input is multiplied by 1 - e^(-1/tau) (norm_input)
  double threshold = 1.0;    ///< of a neuron that has not fired
  double adapt_scale = 1.8;  ///< rise of the threshold of a neuron that always fires
  std::optional<double> v_reset = std::nullopt;  ///< membrane after a spike; absent: subtract th
  bool detach_reset = false;  ///< true: no gradient through the spike into the reset
  Surrogate surrogate = surrogate::ATan{};
};

namespace neurons {

struct Alif {
  using Options = ALIFOptions;
  static constexpr const char* name = "alif";
  static constexpr bool spiking = true;

  template <class R>
  struct State {
    R v, b;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    R decay, gain, leak;
    R threshold, adapt_scale;
    R fade, rise;      // rho and 1 - rho
    R keep, reset_to;  // the membrane after a spike: keep (h - th) + reset_to
    R attached;        // 1: gradients flow through the spike into the reset; 0: detach_reset

    RV_HD R charge(R v, R x) const { return mul_add(decay, v, mul_add(gain, x, leak)); }
    RV_HD R distance(R h, R b) const { return h - mul_add(adapt_scale, b, threshold); }
  };

  template <class R>
  static Params<R> params(const Options& o) {
    const double decay = std::exp(-1 / checked_time("tau", o.tau));
    const double fade = std::exp(-1 / checked_time("tau_adapt", o.tau_adapt));
    checked_finite(name, "threshold", o.threshold);
    checked_finite(name, "adapt_scale", o.adapt_scale);
    const double v_reset = checked_finite(name, "v_reset", o.v_reset.value_or(0.0));
    return {static_cast<R>(decay),
            static_cast<R>(o.decay_input ? 1 - decay : 1.0),
            static_cast<R>((1 - decay) * v_reset),
            static_cast<R>(o.threshold),
            static_cast<R>(o.adapt_scale),
            static_cast<R>(fade),
            static_cast<R>(1 - fade),
            static_cast<R>(o.v_reset.has_value() ? 0.0 : 1.0),
            static_cast<R>(v_reset),
            static_cast<R>(o.detach_reset ? 0.0 : 1.0)};
  }
  template <class R>
  static State<R> rest(const Options& options) {
    return {static_cast<R>(options.v_reset.value_or(0.0)), R(0)};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    const R h = p.charge(s.v, x), distance = p.distance(h, s.b);
    const auto spike = fire.at_or_above(distance);
    s.v = select(scale_gradient(spike, p.attached), mul_add(p.keep, distance, p.reset_to), h);
    s.b = mul_add(p.fade, s.b, select(spike, p.rise, R(0)));
    return select(spike, R(1), R(0));
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope slope) {
    const R h = p.charge(before.v, x), distance = p.distance(h, before.b);
    const bool fired = distance >= R(0);
    const R jump = p.attached * (mul_add(p.keep, distance, p.reset_to) - h);
    const R grad_spike = mul_add(grad.v, jump, mul_add(p.rise, grad.b, grad_out));
    // Of the distance: through the spike, and through what a soft reset leaves.
    const R grad_distance =
        mul_add(slope(distance), grad_spike, select(fired, p.keep * grad.v, R(0)));
    const R grad_h = select(fired, grad_distance, grad_distance + grad.v);
    grad = {p.decay * grad_h, mul_add(p.fade, grad.b, -(p.adapt_scale * grad_distance))};
    return p.gain * grad_h;
  }

 private:
  static double checked_time(const char* option, double value) {
    RV_CHECK(std::isfinite(value) && value > 0, "[{}] {} must be finite and > 0; got {}.", name,
             option, value);
    return value;
  }
};

}  // namespace neurons
}  // namespace ranvier
