// Leaky integrate and fire behind a current that fades, Norse's LIF, elsewhere called current-based
// or CubaLIF: an input raises the current, which drives the membrane.
//
//   j  = i + x
//   decay_input:     h = v + (j - (v - v_leak)) / tau
//   not decay_input: h = v - (v - v_leak) / tau + j
//   i' = j - j / tau_syn
//
// the second and third as h = decay v + gain j + leak, then fire and reset (firing.h). A spike
// leaves the current as it is. snnTorch's Synaptic keeps j, which is its syn, and resets a step
// later.
#pragma once

#include <optional>

#include "ranvier/ops/neurons/firing.h"
#include "ranvier/ops/neurons/surrogates.h"

namespace ranvier {

/// Options of the leaky integrate-and-fire neuron with a synaptic current; Norse's defaults with
/// its dt of 1 ms.
struct CubaLIFOptions {
  double tau = 10.0;        ///< of the membrane, in steps, >= 1; a step keeps 1 - 1/tau
  double tau_syn = 5.0;     ///< of the current, in steps, >= 1; a step keeps 1 - 1/tau_syn
  bool decay_input = true;  ///< true: the current is divided by tau as well
  double v_leak = 0.0;      ///< membrane of a neuron that nothing drives
  double threshold = 1.0;
  std::optional<double> v_reset = 0.0;  ///< membrane after a spike; absent: subtract the threshold
  bool detach_reset = false;            ///< true: no gradient through the spike into the reset
  Surrogate surrogate = surrogate::ATan{};
};

namespace neurons {

struct CubaLif {
  using Options = CubaLIFOptions;
  static constexpr const char* name = "cuba_lif";
  static constexpr bool spiking = true;

  template <class R>
  struct State {
    R v, i;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    R decay, gain, leak;
    R fade;  // of the current
    Firing<R> firing;

    RV_HD R charge(R v, R current) const { return mul_add(decay, v, mul_add(gain, current, leak)); }
  };

  template <class R>
  static Params<R> params(const Options& o) {
    const double tau = checked_time(name, "tau", o.tau);
    const double tau_syn = checked_time(name, "tau_syn", o.tau_syn);
    checked_finite(name, "v_leak", o.v_leak);
    return {static_cast<R>(1 - 1 / tau), static_cast<R>(o.decay_input ? 1 / tau : 1.0),
            static_cast<R>(o.v_leak / tau), static_cast<R>(1 - 1 / tau_syn), firing<R>(name, o)};
  }
  template <class R>
  static State<R> rest(const Options& options) {
    return {static_cast<R>(options.v_leak), R(0)};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    const R current = s.i + x;
    s.i = p.fade * current;
    return p.firing.step(p.charge(s.v, current), s.v, fire);
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope slope) {
    const R h = p.charge(before.v, before.i + x);
    const R grad_h = p.firing.adjoint(h, grad_out, grad.v, slope);
    const R grad_current = mul_add(p.gain, grad_h, p.fade * grad.i);
    grad = {p.decay * grad_h, grad_current};
    return grad_current;
  }
};

}  // namespace neurons
}  // namespace ranvier
