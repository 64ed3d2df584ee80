// Integrate and fire, SpikingJelly's IFNode:
//
//   h = v + x,  then fire and reset (firing.h)
#pragma once

#include <optional>

#include "ranvier/ops/neurons/firing.h"
#include "ranvier/ops/neurons/surrogates.h"

namespace ranvier {

/// Options of the integrate-and-fire neuron.
struct IFOptions {
  double threshold = 1.0;
  std::optional<double> v_reset = 0.0;  ///< membrane after a spike; absent: subtract the threshold
  bool detach_reset = false;            ///< true: no gradient through the spike into the reset
  Surrogate surrogate = surrogate::ATan{};
};

namespace neurons {

struct If {
  using Options = IFOptions;
  static constexpr const char* name = "if";
  static constexpr bool spiking = true;

  template <class R>
  struct State {
    R v;
  };
  template <class R>
  struct Learnable {};
  template <class R>
  struct Params {
    Firing<R> firing;
  };

  template <class R>
  static Params<R> params(const Options& options) {
    return {firing<R>(name, options)};
  }
  template <class R>
  static State<R> rest(const Options& options) {
    return {static_cast<R>(options.v_reset.value_or(0.0))};
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    return p.firing.step(s.v + x, s.v, fire);
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& /*grad_learnable*/, Slope slope) {
    grad.v = p.firing.adjoint(before.v + x, grad_out, grad.v, slope);
    return grad.v;
  }
};

}  // namespace neurons
}  // namespace ranvier
