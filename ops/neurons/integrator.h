// Leaky integrator, the readout without spikes: its output is the membrane (SpikingJelly's
// NonSpikingLIFNode; with tau infinite and no decay_input its NonSpikingIFNode).
//
//   decay_input:     v' = v + (x - v) / tau
//   not decay_input: v' = v - v / tau + x
#pragma once

#include <cmath>

#include "ranvier/ops/neurons/firing.h"

namespace ranvier {

/// Options of the leaky integrator.
struct LeakyIntegratorOptions {
  double tau = 2.0;         ///< time constant in steps, >= 1; infinite only without decay_input
  bool decay_input = true;  ///< true: the input is divided by tau as well
};

namespace neurons {

struct LeakyIntegrator {
  using Options = LeakyIntegratorOptions;
  static constexpr const char* name = "leaky_integrator";
  static constexpr bool spiking = false;

  template <class R>
  struct State {
    R v;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    R decay, gain;
  };

  template <class R>
  static Params<R> params(const Options& options) {
    RV_CHECK(options.tau >= 1 && (std::isfinite(options.tau) || !options.decay_input),
             "[{}] tau must be >= 1, and finite if decay_input; got {}.", name, options.tau);
    return {static_cast<R>(1 - 1 / options.tau),
            static_cast<R>(options.decay_input ? 1 / options.tau : 1.0)};
  }
  template <class R>
  static State<R> rest(const Options& /*options*/) {
    return {R(0)};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires /*fire*/) {
    s.v = mul_add(p.decay, s.v, p.gain * x);
    return s.v;
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& /*before*/, R /*x*/, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope /*slope*/) {
    const R grad_v = grad.v + grad_out;
    grad.v = p.decay * grad_v;
    return p.gain * grad_v;
  }
};

}  // namespace neurons
}  // namespace ranvier
