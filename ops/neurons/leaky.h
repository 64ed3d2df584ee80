// snnTorch's Leaky with reset_delay=True: the reset comes one step after the spike, from the
// membrane that spiked, and no gradient flows through it.
//
//   R = 1 if mem > threshold                    (of the step before)
//   subtract: mem' = beta mem + x - R threshold
//   zero:     mem' = beta (1 - R) mem + x
//   none:     mem' = beta mem + x
//   s = 1 if mem' > threshold
//
// The first two are beta keep mem + (x - drop) where R, with keep and drop from the kind of reset.
#pragma once

#include <array>
#include <cmath>

#include "ranvier/ops/neurons/firing.h"
#include "ranvier/ops/neurons/surrogates.h"

namespace ranvier {

/// What `Leaky` does in the step after a spike.
enum class LeakyReset { subtract, zero, none };

/// Options of snnTorch's leaky neuron.
struct LeakyOptions {
  double beta = 0.9;        ///< share of the membrane that a step keeps, in [0, 1]
  bool learn_beta = false;  ///< true: beta is a parameter, clamped to [0, 1] where it is used
  double threshold = 1.0;
  LeakyReset reset = LeakyReset::subtract;
  Surrogate surrogate = surrogate::ATan{};
};

namespace neurons {

struct Leaky {
  using Options = LeakyOptions;
  static constexpr const char* name = "leaky";
  static constexpr bool spiking = true;
  static constexpr std::array learnable_names{"beta"};

  template <class R>
  struct State {
    R v;
  };
  template <class R>
  struct Learnable {
    R beta;
  };
  template <class R>
  struct Params {
    R beta, beta_slope;  // beta_slope: derivative of the clamp
    R threshold, keep, drop;
  };

  template <class R>
  static Params<R> params(const Options& options) {
    checked_finite(name, "threshold", options.threshold);
    const bool zero = options.reset == LeakyReset::zero;
    const bool subtract = options.reset == LeakyReset::subtract;
    Params<R> p{};
    p.threshold = static_cast<R>(options.threshold);
    p.keep = static_cast<R>(zero ? 0.0 : 1.0);
    p.drop = static_cast<R>(subtract ? options.threshold : 0.0);
    return p;
  }
  template <class R>
  static State<R> rest(const Options& /*options*/) {
    return {R(0)};
  }
  static bool learns(const Options& options) { return options.learn_beta; }
  template <class R>
  static Learnable<R> initial(const Options& options) {
    RV_CHECK(options.beta >= 0 && options.beta <= 1, "[{}] beta must be in [0, 1]; got {}.", name,
             options.beta);
    return {static_cast<R>(options.beta)};
  }
  template <class R>
  static RV_HD void learn(Params<R>& p, const Learnable<R>& learnable) {
    const bool below = learnable.beta<R(0), above = learnable.beta> R(1);
    p.beta = select(below, R(0), select(above, R(1), learnable.beta));
    p.beta_slope = select(below || above, R(0), R(1));
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    const auto reset = stop_gradient(fire.above(s.v - p.threshold));
    s.v = mul_add(p.beta, select(reset, p.keep * s.v, s.v), select(reset, x - p.drop, x));
    return select(fire.above(s.v - p.threshold), R(1), R(0));
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& grad_learnable, Slope slope) {
    const bool reset = before.v - p.threshold > R(0);
    const R kept = select(reset, p.keep * before.v, before.v);
    const R v = mul_add(p.beta, kept, select(reset, x - p.drop, x));
    const R grad_v = mul_add(grad_out, slope(v - p.threshold), grad.v);
    grad_learnable.beta = mul_add(grad_v * p.beta_slope, kept, grad_learnable.beta);
    grad.v = select(reset, p.keep * p.beta, p.beta) * grad_v;
    return grad_v;
  }
};

}  // namespace neurons
}  // namespace ranvier
