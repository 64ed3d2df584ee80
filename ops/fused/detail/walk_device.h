// A pixel's way back through a few steps, on a CUDA device: the states before them are recomputed
// into registers, then the gradient is taken from the last to the first.
#pragma once

#include "ranvier/ops/fused/detail/backward_args_device.h"

namespace ranvier::fused::device {

/// A thread's pixel on its way back through a span.
template <class Model, class R, int lanes>
struct Walk {
  using Learnable = typename Model::template Learnable<R>;
  std::int64_t neuron, output;  // output: of its window; -1: none
  int begin, end;               // steps of the span
  bool takes_all, is_first;     // takes_all: of windows of one pixel, and of means
  States<Model, R, lanes> grad{};
  Learnable learnt[lanes] = {};
  Pack<R, lanes> y{}, grad_sum{};  // of a static input
};

/// At which steps of a span (bit t - begin) a pixel before this one fired; of the first pixel.
template <int lanes>
struct Fired {
  unsigned before[lanes] = {}, first[lanes] = {};
};

/// The steps of an interval.
template <class Model, class R, int lanes>
struct Interval {
  static constexpr int steps = checkpoint_interval;
  Pack<R, lanes> x[steps], grad_out[steps];
  States<Model, R, lanes> before[steps];
};

template <Shown shown, class Model, class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> y_at(const Input<R>& in, Normalise<R, lanes>& normalise,
                                               const Walk<Model, R, lanes>& walk, int t,
                                               const Pack<R, lanes>& x) {
  return is_static<shown>(in) ? walk.y : normalise(t, x);
}

/// Asks for all that steps [t, t + interval) need of memory.
template <Shown shown, class Model, class R, int lanes>
__device__ __forceinline__ void read_interval(const BackwardArgs<R>& args, int t,
                                              const Walk<Model, R, lanes>& walk,
                                              Interval<Model, R, lanes>& interval) {
  const Input<R>& in = args.in;
  const bool given = args.grad_in.spikes != nullptr && walk.output >= 0;
#pragma unroll
  for (int s = 0; s < interval.steps; ++s) {
    interval.grad_out[s] = {};
    if (t + s >= walk.end) continue;
    if (!is_static<shown>(in))
      interval.x[s] = load<R, lanes>(in.x + (t + s) * args.grid.neurons + walk.neuron);
    if (given)
      interval.grad_out[s] =
          load<R, lanes>(args.grad_in.spikes + (t + s) * args.grid.outputs + walk.output);
  }
  if (args.share == R(1)) return;
#pragma unroll
  for (int s = 0; s < interval.steps; ++s)
#pragma unroll
    for (int i = 0; i < lanes; ++i) interval.grad_out[s].lane[i] *= args.share;
}

/// Finds the states before the steps of an interval. Result: bit s says whether the gradient of
/// step t + s is this pixel's.
template <Shown shown, class Model, class R, int lanes>
__device__ __forceinline__ void retrace(const BackwardArgs<R>& args,
                                        const typename Model::template Params<R>& params,
                                        Normalise<R, lanes>& normalise, int t, Fired<lanes>& fired,
                                        const Walk<Model, R, lanes>& walk,
                                        Interval<Model, R, lanes>& interval,
                                        unsigned (&takes)[lanes]) {
  unsigned fires[lanes] = {};
  States<Model, R, lanes> state =
      state_before<Model, R, lanes>(args.in, args.grid.neurons, t, walk.neuron);
#pragma unroll
  for (int s = 0; s < interval.steps; ++s) {
    interval.before[s] = state;
    if (t + s >= walk.end) continue;
    const auto y = y_at<shown>(args.in, normalise, walk, t + s, interval.x[s]);
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      if (Model::step(params, state.lane[i], y.lane[i], neurons::Fire{}) != R(0))
        fires[i] |= 1u << s;
  }
  const int shift = t - walk.begin;
#pragma unroll
  for (int i = 0; i < lanes; ++i) {
    if (walk.takes_all) {
      takes[i] = ~0u;
    } else if (walk.is_first) {
      takes[i] = (fired.first[i] | ~fired.before[i]) >> shift;
    } else {
      takes[i] = fires[i] & ~(fired.before[i] >> shift);
      fired.before[i] |= fires[i] << shift;
    }
  }
}

/// Steps [t, t + interval) of a pixel.
template <Shown shown, class Model, class Slope, class R, int lanes>
__device__ __forceinline__ void walk_interval(const BackwardArgs<R>& args,
                                              const typename Model::template Params<R>& params,
                                              const Slope& slope, Normalise<R, lanes>& normalise,
                                              int channel, int t, Fired<lanes>& fired,
                                              Walk<Model, R, lanes>& walk,
                                              Totals<Model, R, lanes>& totals) {
  const bool still = is_static<shown>(args.in);
  Interval<Model, R, lanes> interval;
  read_interval<shown>(args, t, walk, interval);
  unsigned takes[lanes];
  retrace<shown>(args, params, normalise, t, fired, walk, interval, takes);
  MovingOutput<Model, R, lanes> output(args, channel);
#pragma unroll
  for (int s = interval.steps - 1; s >= 0; --s) {
    if (t + s >= walk.end) continue;
    const auto y = y_at<shown>(args.in, normalise, walk, t + s, interval.x[s]);
    Pack<R, lanes> grad;
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      const R of_spike = (takes[i] & 1u << s) != 0 ? interval.grad_out[s].lane[i] : R(0);
      grad.lane[i] = Model::adjoint(params, interval.before[s].lane[i], y.lane[i], of_spike,
                                    walk.grad.lane[i], walk.learnt[i], slope);
      walk.grad_sum.lane[i] += grad.lane[i];
    }
    if (!still) output.add((t + s) * args.grid.neurons + walk.neuron, grad, interval.x[s]);
  }
  if (!still) output.finish(totals);
}

}  // namespace ranvier::fused::device
