// What a pixel needs on its way back through an interval, on a CUDA device: the gradient of its
// window, and the states before its steps, recomputed into registers.
#pragma once

#include "ranvier/core/detail/ptx.h"
#include "ranvier/ops/fused/detail/backward_args_device.h"

namespace ranvier::fused::device {

/// What a thread has at hand in all its cells.
template <class Model, class Slope, class S, int lanes>
struct Worker {
  using R = Computed<S>;
  const BackwardArgs<S>& args;
  const typename Model::template Params<R> params;
  const Slope& slope;
  const int channel;
  Totals<Model, R, lanes>& totals;
};

/// A pixel on its way back.
template <class Model, class R, int lanes>
struct Walk {
  std::int64_t neuron;
  bool shares;                     // the window's gradient with pixels that follow
  States<Model, R, lanes> grad{};  // of the state
  Pack<R, lanes> grad_sum{};       // of the y of a static input
};

/// The window's gradient in the interval from step t on.
template <int steps, class S, class R, int lanes>
__device__ __forceinline__ void read_gradient(const BackwardArgs<S>& args, std::int64_t output,
                                              int t, Steps<R, lanes, steps>& grad) {
#pragma unroll
  for (int s = 0; s < steps; ++s) grad[s] = {};
  if (args.grad_in.spikes == nullptr || output < 0) return;
  const S* from = args.grad_in.spikes + t * args.grid.outputs + output;
  cuda::Words<S, lanes> words[steps];
#pragma unroll
  for (int s = 0; s < steps; ++s, from += args.grid.outputs)
    words[s] = cuda::load_words<lanes>(from);
#pragma unroll
  for (int s = 0; s < steps; ++s) grad[s] = cuda::widen<R>(words[s]);
  if (args.share == R(1)) return;
#pragma unroll
  for (int s = 0; s < steps; ++s)
#pragma unroll
    for (int i = 0; i < lanes; ++i) grad[s].lane[i] *= args.share;
}

/// Says as `Fire` whether a neuron fires, unbeknown to the compiler. It would keep the answers
/// until the way back, which asks again, and there are seven registers for such.
struct FireAnew {
  template <class R>
  __device__ __forceinline__ bool at_or_above(R distance) const {
    return neurons::Fire{}.at_or_above(cuda::untraced(distance));
  }
  template <class R>
  __device__ __forceinline__ bool above(R distance) const {
    return neurons::Fire{}.above(cuda::untraced(distance));
  }
};

/// Runs a pixel forward through an interval from the state at `from`. `before` becomes the states
/// before its steps; `fired(s, fires)` is told of each step which lanes fire.
template <int steps, class Model, class S, class R, int lanes, class Fired>
__device__ __forceinline__ void retrace(const BackwardArgs<S>& args,
                                        const typename Model::template Params<R>& params,
                                        const Variables<const R>& from, std::int64_t neuron,
                                        const Steps<R, lanes, steps>& y,
                                        States<Model, R, lanes> (&before)[steps],
                                        const Fired& fired) {
  States<Model, R, lanes> state;
  state.read(from.at, args.in.program.rest, neuron);
#pragma unroll
  for (int s = 0; s < steps; ++s) {
    before[s] = state;
    bool fires[lanes];
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      fires[i] = Model::step(params, state.lane[i], y[s].lane[i], FireAnew{}) != R(0);
    fired(s, fires);
  }
}

}  // namespace ranvier::fused::device
