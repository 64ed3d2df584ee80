// The model of docs/adding-a-neuron.md: a neuron whose threshold rises with every spike it fires.
//
//   v' = decay v + x,  a' = fade a,  s = 1 if v' >= threshold + a',  then v' -= threshold s and
//   a' += rise s; no gradient flows through the spike into v' and a'.
#pragma once

#include "ranvier/core/error.h"
#include "ranvier/ops/neurons/math.h"

namespace example {

using namespace ranvier::neurons;

struct AdaptiveOptions {
  double decay = 0.9, fade = 0.95, rise = 0.2;
  double threshold = 1.0;
};

struct Adaptive {
  using Options = AdaptiveOptions;
  static constexpr const char* name = "adaptive";
  static constexpr bool spiking = true;

  template <class R>
  struct State {
    R v, a;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    R decay, fade, rise, threshold;
  };

  template <class R>
  static Params<R> params(const Options& o) {
    RV_CHECK(o.decay >= 0 && o.decay <= 1, "[{}] decay must be in [0, 1]; got {}.", name, o.decay);
    return {static_cast<R>(o.decay), static_cast<R>(o.fade), static_cast<R>(o.rise),
            static_cast<R>(o.threshold)};
  }
  template <class R>
  static State<R> rest(const Options&) {
    return {R(0), R(0)};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    const R v = mul_add(p.decay, s.v, x), a = p.fade * s.a;
    const auto spike = fire.at_or_above(v - a - p.threshold);
    const auto reset = stop_gradient(spike);
    s.v = select(reset, v - p.threshold, v);
    s.a = select(reset, a + p.rise, a);
    return select(spike, R(1), R(0));
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope slope) {
    const R v = mul_add(p.decay, before.v, x), a = p.fade * before.a;
    const R through_spike = grad_out * slope(v - a - p.threshold);
    const R grad_v = grad.v + through_spike, grad_a = grad.a - through_spike;
    grad = {p.decay * grad_v, p.fade * grad_a};
    return grad_v;
  }
};

}  // namespace example
