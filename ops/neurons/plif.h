// Parametric leaky integrate and fire, SpikingJelly's ParametricLIFNode: the LIF neuron (lif.h)
// whose time constant is learnt through one scalar w for the whole layer, 1 / tau = logistic(w):
//
//   dh/dw = (r - v + x) / tau (1 - 1 / tau), without the x if not decay_input
#pragma once

#include <array>
#include <cmath>
#include <optional>

#include "ranvier/ops/neurons/lif.h"

namespace ranvier {

/// Options of the leaky integrate-and-fire neuron with a learnable time constant.
struct ParametricLIFOptions {
  double init_tau = 2.0;    ///< time constant in steps at birth, > 1; w = -ln(init_tau - 1)
  bool decay_input = true;  ///< true: the input is divided by tau as well
  double threshold = 1.0;
  std::optional<double> v_reset = 0.0;  ///< membrane after a spike; absent: subtract the threshold
  bool detach_reset = false;            ///< true: no gradient through the spike into the reset
  Surrogate surrogate = surrogate::ATan{};
};

namespace neurons {

struct ParametricLif {
  using Options = ParametricLIFOptions;
  static constexpr const char* name = "parametric_lif";
  static constexpr bool spiking = true;
  static constexpr std::array learnable_names{"w"};

  template <class R>
  struct State {
    R v;
  };
  template <class R>
  struct Learnable {
    R w;
  };
  template <class R>
  struct Params {
    Lif::Params<R> lif;
    R rest, input_share;  // input_share: 1 if the input is divided by tau, else 0
    R tau_slope;          // d(1/tau) / dw
  };

  template <class R>
  static Params<R> params(const Options& options) {
    Params<R> p{};
    p.lif.firing = firing<R>(name, options);
    p.rest = static_cast<R>(options.v_reset.value_or(0.0));
    p.input_share = static_cast<R>(options.decay_input ? 1.0 : 0.0);
    return p;
  }
  template <class R>
  static State<R> rest(const Options& options) {
    return {static_cast<R>(options.v_reset.value_or(0.0))};
  }
  template <class R>
  static Learnable<R> initial(const Options& options) {
    RV_CHECK(std::isfinite(options.init_tau) && options.init_tau > 1,
             "[{}] init_tau must be finite and > 1; got {}.", name, options.init_tau);
    return {static_cast<R>(-std::log(options.init_tau - 1))};
  }
  template <class R>
  static RV_HD void learn(Params<R>& p, const Learnable<R>& learnable) {
    const R inverse_tau = logistic(learnable.w);
    p.lif.decay = R(1) - inverse_tau;
    p.lif.gain = select(p.input_share > R(0), inverse_tau, R(1));
    p.lif.leak = p.rest * inverse_tau;
    p.tau_slope = inverse_tau * p.lif.decay;
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    return p.lif.firing.step(p.lif.charge(s.v, x), s.v, fire);
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& grad_learnable, Slope slope) {
    const R h = p.lif.charge(before.v, x);
    const R grad_h = p.lif.firing.adjoint(h, grad_out, grad.v, slope);
    const R pull = mul_add(p.input_share, x, p.rest - before.v);
    grad_learnable.w = mul_add(grad_h * p.tau_slope, pull, grad_learnable.w);
    grad.v = p.lif.decay * grad_h;
    return p.lif.gain * grad_h;
  }
};

}  // namespace neurons
}  // namespace ranvier
