// A user's own neuron, defined outside the library: SpikingJelly's quadratic integrate and fire,
//
//   h = v + (x + a0 (v - v_rest) (v - v_c)) / tau,  then fire and reset.
#pragma once

#include "ranvier/ops/neurons/firing.h"

namespace ranvier::test {

using namespace ranvier::neurons;

struct QIFOptions {
  double tau = 2.0, v_c = 0.8, a0 = 1.0, v_rest = 0.0;
  double threshold = 1.0;
  std::optional<double> v_reset = -0.1;
  bool detach_reset = false;
};

struct Qif {
  using Options = QIFOptions;
  static constexpr const char* name = "qif";
  static constexpr bool spiking = true;

  template <class R>
  struct State {
    R v;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    R gain, curvature, v_rest, v_c;
    Firing<R> firing;

    RV_HD R charge(R v, R x) const {
      return mul_add(gain, x, mul_add(curvature * (v - v_rest), v - v_c, v));
    }
  };

  template <class R>
  static Params<R> params(const Options& o) {
    return {static_cast<R>(1 / o.tau), static_cast<R>(o.a0 / o.tau), static_cast<R>(o.v_rest),
            static_cast<R>(o.v_c), firing<R>(name, o)};
  }
  template <class R>
  static State<R> rest(const Options& o) {
    return {static_cast<R>(o.v_reset.value_or(0.0))};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    return p.firing.step(p.charge(s.v, x), s.v, fire);
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope slope) {
    const R grad_h = p.firing.adjoint(p.charge(before.v, x), grad_out, grad.v, slope);
    const R growth = p.curvature * ((before.v - p.v_rest) + (before.v - p.v_c));
    grad.v = mul_add(growth, grad_h, grad_h);
    return p.gain * grad_h;
  }
};

}  // namespace ranvier::test
