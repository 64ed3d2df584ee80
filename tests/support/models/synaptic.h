// A user's own neuron with two state variables and two learnables: snnTorch's Synaptic with the
// reset by subtraction, from the membrane that spiked a step before, without gradient.
//
//   R = 1 if mem > threshold,  syn' = alpha syn + x,  mem' = beta mem + syn' - R threshold
#pragma once

#include <array>

#include "ranvier/ops/neurons/math.h"

namespace ranvier::test {

using namespace ranvier::neurons;

struct SynapticOptions {
  double alpha = 0.8, beta = 0.9;
  double threshold = 1.0;
};

struct Synaptic {
  using Options = SynapticOptions;
  static constexpr const char* name = "synaptic";
  static constexpr bool spiking = true;
  static constexpr std::array learnable_names{"alpha", "beta"};

  template <class R>
  struct State {
    R mem, syn;
  };
  template <class R>
  struct Learnable {
    R alpha, beta;
  };
  template <class R>
  struct Params {
    R alpha, beta, threshold;
  };

  template <class R>
  static Params<R> params(const Options& o) {
    return {R(0), R(0), static_cast<R>(o.threshold)};
  }
  template <class R>
  static State<R> rest(const Options&) {
    return {R(0), R(0)};
  }
  template <class R>
  static Learnable<R> initial(const Options& o) {
    return {static_cast<R>(o.alpha), static_cast<R>(o.beta)};
  }
  template <class R>
  static RV_HD void learn(Params<R>& p, const Learnable<R>& learnable) {
    p.alpha = learnable.alpha;
    p.beta = learnable.beta;
  }

  template <class R, class Fires>
  static RV_HD R step(const Params<R>& p, State<R>& s, R x, Fires fire) {
    const auto reset = stop_gradient(fire.above(s.mem - p.threshold));
    s.syn = mul_add(p.alpha, s.syn, x);
    s.mem = mul_add(p.beta, s.mem, select(reset, s.syn - p.threshold, s.syn));
    return select(fire.above(s.mem - p.threshold), R(1), R(0));
  }

  template <class R, class Slope>
  static RV_HD R adjoint(const Params<R>& p, const State<R>& before, R x, R grad_out,
                         State<R>& grad, Learnable<R>& grad_learnable, Slope slope) {
    State<R> after = before;
    step(p, after, x, Fire{});
    const R grad_mem = mul_add(grad_out, slope(after.mem - p.threshold), grad.mem);
    const R grad_syn = grad_mem + grad.syn;
    grad_learnable.alpha = mul_add(grad_syn, before.syn, grad_learnable.alpha);
    grad_learnable.beta = mul_add(grad_mem, before.mem, grad_learnable.beta);
    grad = {p.beta * grad_mem, p.alpha * grad_syn};
    return grad_syn;
  }
};

}  // namespace ranvier::test
