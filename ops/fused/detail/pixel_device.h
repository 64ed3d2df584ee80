// A pixel's way back through an interval, on a CUDA device, and what it takes of its window's
// gradient.
#pragma once

#include "ranvier/ops/fused/detail/walk_device.h"

namespace ranvier::fused::device {

/// What a thread keeps of a window in an interval: in shared memory, as registers are full.
template <class R, int lanes>
struct Held {
  Pack<R, lanes> all[interval][backward_threads];   // the window's gradient as it came
  Pack<R, lanes> left[interval][backward_threads];  // by the pixels walked so far
  Pack<R, lanes> sums[2][backward_threads];         // over these, as `CellSums`
};

/// What the pixels of a cell share in an interval.
template <class R, int lanes>
struct Window {
  std::int64_t output;
  int begin;                  // first step
  Variables<const R> states;  // before it
  Held<R, lanes>& held;
};

/// Takes the gradient back through a pixel's steps: `grad`, of its spikes, becomes that of its y.
template <int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void take_back(Worker<Model, Slope, S, lanes>& worker,
                                          const Steps<R, lanes, steps>& y,
                                          const States<Model, R, lanes> (&before)[steps],
                                          Walk<Model, R, lanes>& walk,
                                          Steps<R, lanes, steps>& grad) {
  typename Model::template Learnable<R> learnt[lanes] = {};
#pragma unroll
  for (int s = steps - 1; s >= 0; --s)
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      grad[s].lane[i] = Model::adjoint(worker.params, before[s].lane[i], y[s].lane[i],
                                       grad[s].lane[i], walk.grad.lane[i], learnt[i], worker.slope);
      walk.grad_sum.lane[i] += grad[s].lane[i];
    }
  worker.totals.add(learnt);
}

/// Whether a pixel's x is read while the one before it is walked: where it takes few registers.
template <Shown shown, class S>
constexpr bool reads_ahead = shown == Shown::still || sizeof(S) == 2;

/// Sums the gradients of y, or writes those of x.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void put(const Worker<Model, Slope, S, lanes>& worker,
                                    const Inputs<shown, S, lanes, steps>& inputs,
                                    const Walk<Model, R, lanes>& walk,
                                    const Steps<R, lanes, steps>& grad, Window<R, lanes>& window) {
  const BackwardArgs<S>& args = worker.args;
  if (args.partials != nullptr && (window.begin == 0 || !is_static<shown>(args.in))) {
    const auto centre = load<R, lanes>(args.centre + worker.channel);
    CellSums<R, lanes> sums(window.held.sums);
    if (is_static<shown>(args.in)) {
      sums.add(walk.grad_sum, inputs.at(0), centre);
    } else {
#pragma unroll
      for (int s = 0; s < steps; ++s) sums.add(grad[s], inputs.at(s), centre);
    }
    sums.keep(window.held.sums);
  }
  if (is_static<shown>(args.in)) {
    store<R, lanes>(args.grad_y + walk.neuron, walk.grad_sum);
  } else if (args.grad_x != nullptr) {
    const ToX<R, lanes> to_x(args.to_x, worker.channel);
    S* to = args.grad_x + window.begin * args.grid.neurons + walk.neuron;
#pragma unroll
    for (int s = 0; s < steps; ++s, to += args.grid.neurons)
      store_as<R, lanes>(to, to_x(grad[s], inputs.at(s)));
  }
}

/// One pixel in one interval; `inputs` becomes the x of the next, if that is read ahead.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void walk_pixel(Worker<Model, Slope, S, lanes>& worker,
                                           Walk<Model, R, lanes>& walk, Window<R, lanes>& window,
                                           Inputs<shown, S, lanes, steps>& inputs,
                                           std::int64_t next) {
  const BackwardArgs<S>& args = worker.args;
  const std::int64_t neurons = args.grid.neurons;
  if (!reads_ahead<shown, S>) inputs.read(args.in, neurons, walk.neuron, window.begin);
  Steps<R, lanes, steps> y, grad;
  Normalise<R, lanes>(args.in, worker.channel)(inputs, window.begin, y);
  Inputs<shown, S, lanes, steps> own = inputs;
  States<Model, R, lanes> before[steps];
  retrace<steps>(args, worker.params, window.states, walk.neuron, y, before,
                 [&](int s, const bool(&fires)[lanes]) {
                   Pack<R, lanes> left = window.held.left[s][threadIdx.x];
                   if (walk.shares) {
#pragma unroll
                     for (int i = 0; i < lanes; ++i) {
                       grad[s].lane[i] = fires[i] ? left.lane[i] : R(0);
                       left.lane[i] = fires[i] ? R(0) : left.lane[i];
                     }
                     window.held.left[s][threadIdx.x] = left;
                   } else {
                     const Pack<R, lanes> all = window.held.all[s][threadIdx.x];
#pragma unroll
                     for (int i = 0; i < lanes; ++i)
                       grad[s].lane[i] = fires[i] ? all.lane[i] : left.lane[i];
                   }
                 });
  if (reads_ahead<shown, S>) inputs.read(args.in, neurons, next, window.begin);
  take_back<steps>(worker, y, before, walk, grad);
  // The cache has it, and registers are full.
  if (shown != Shown::still) own.template read<true>(args.in, neurons, walk.neuron, window.begin);
  put(worker, own, walk, grad, window);
}

/// Leaves to the pixels after the first, which has the x `inputs`, nothing at the steps at which it
/// fires.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void serve_first(const Worker<Model, Slope, S, lanes>& worker,
                                            std::int64_t neuron,
                                            const Inputs<shown, S, lanes, steps>& inputs,
                                            const Window<R, lanes>& window,
                                            Steps<R, lanes, steps>& left) {
  Steps<R, lanes, steps> y;
  Normalise<R, lanes>(worker.args.in, worker.channel)(inputs, window.begin, y);
  States<Model, R, lanes> before[steps];
  retrace<steps>(worker.args, worker.params, window.states, neuron, y, before,
                 [&](int s, const bool(&fires)[lanes]) {
#pragma unroll
                   for (int i = 0; i < lanes; ++i)
                     left[s].lane[i] = fires[i] ? R(0) : left[s].lane[i];
                 });
}

}  // namespace ranvier::fused::device
