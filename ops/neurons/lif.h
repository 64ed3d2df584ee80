// Leaky integrate and fire, SpikingJelly's LIFNode, with r = v_reset (0 for a soft reset):
//
//   decay_input:     h = v + (x - (v - r)) / tau
//   not decay_input: h = v - (v - r) / tau + x
//
// both as h = decay v + gain x + leak, then fire and reset (firing.h).
#pragma once

#include <optional>

#include "ranvier/ops/neurons/firing.h"
#include "ranvier/ops/neurons/surrogates.h"

namespace ranvier {

/// Options of the leaky integrate-and-fire neuron.
struct LIFOptions {
  double tau = 2.0;         ///< membrane time constant in steps, >= 1; decay per step is 1 - 1/tau
  bool decay_input = true;  ///< true: the input is divided by tau as well
  double threshold = 1.0;
  std::optional<double> v_reset = 0.0;  ///< membrane after a spike; absent: subtract the threshold
  bool detach_reset = false;            ///< true: no gradient through the spike into the reset
  Surrogate surrogate = surrogate::ATan{};
};

namespace neurons {

struct Lif {
  using Options = LIFOptions;
  static constexpr const char* name = "lif";
  static constexpr bool spiking = true;

  template <class R>
  struct State {
    R v;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    R decay, gain, leak;
    Firing<R> firing;

    RV_HD R charge(R v, R x) const { return mul_add(decay, v, mul_add(gain, x, leak)); }
  };

  template <class R>
  static Params<R> params(const Options& options) {
    const double tau = checked_time(name, "tau", options.tau);
    const double rest = options.v_reset.value_or(0.0);
    return {static_cast<R>(1 - 1 / tau), static_cast<R>(options.decay_input ? 1 / tau : 1.0),
            static_cast<R>(rest / tau), firing<R>(name, options)};
  }
  template <class R>
  static State<R> rest(const Options& options) {
    return {static_cast<R>(options.v_reset.value_or(0.0))};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    return p.firing.step(p.charge(s.v, x), s.v, fire);
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope slope) {
    const R grad_h = p.firing.adjoint(p.charge(before.v, x), grad_out, grad.v, slope);
    grad.v = p.decay * grad_h;
    return p.gain * grad_h;
  }
};

}  // namespace neurons
}  // namespace ranvier
