// Backward on a CUDA device: a thread walks its cells pixel by pixel, from the last step to the
// first, with the state before each of a few steps recomputed into registers.
//
// The gradient of a window goes, at each step, to its first pixel that fired, or to its first pixel
// if none did. So pixels are walked in row order but for the first, which comes last: by then it is
// known when one of the others fired, as bits of up to 32 steps, a span. Spans are walked from the
// last to the first; between them the gradients of the states go through memory.
#pragma once

#include "ranvier/ops/fused/detail/walk_device.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {

/// A static input's gradient, summed over time, is complete at its first step.
template <class Model, class R, int lanes>
__device__ __forceinline__ void finish_static(const BackwardArgs<R>& args, int channel,
                                              const Walk<Model, R, lanes>& walk,
                                              Totals<Model, R, lanes>& totals) {
  store<R, lanes>(args.grad_x + walk.neuron, walk.grad_sum);
  if (walk.begin > 0 || args.partials == nullptr) return;
  const auto x = load<R, lanes>(args.in.x + walk.neuron);
  const auto centre = load<R, lanes>(args.centre + channel);
#pragma unroll
  for (int i = 0; i < lanes; ++i)
    totals.add(i, walk.grad_sum.lane[i], walk.grad_sum.lane[i] * (x.lane[i] - centre.lane[i]));
}

template <Shown shown, class Model, class Slope, class R, int lanes>
__device__ __forceinline__ void walk_pixel(const BackwardArgs<R>& args,
                                           const typename Model::template Params<R>& params,
                                           const Slope& slope, Normalise<R, lanes>& normalise,
                                           int channel, Fired<lanes>& fired,
                                           Walk<Model, R, lanes>& walk,
                                           Totals<Model, R, lanes>& totals) {
  const Input<R>& in = args.in;
  const R zeros[max_states] = {};
  const bool last = walk.end == in.steps;
  walk.grad.read(last ? args.grad_in.state : args.carried, zeros, walk.neuron);
  if (is_static<shown>(in)) {
    walk.y = normalise(0, load<R, lanes>(in.x + walk.neuron));
    if (!last) walk.grad_sum = load<R, lanes>(args.grad_x + walk.neuron);
  }
#pragma unroll 1
  for (int t = walk.begin + (walk.end - walk.begin - 1) / checkpoint_interval * checkpoint_interval;
       t >= walk.begin; t -= checkpoint_interval)
    walk_interval<shown, Model, Slope, R, lanes>(args, params, slope, normalise, channel, t, fired,
                                                 walk, totals);
  walk.grad.write(walk.begin == 0 ? args.grad_state : args.carried, walk.neuron);
  if (is_static<shown>(in)) finish_static(args, channel, walk, totals);
#pragma unroll
  for (int l = 0; l < Totals<Model, R, lanes>::learnables; ++l)
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      totals.learnt[l] += static_cast<double>(field<R>(walk.learnt[i], l));
}

/// When the first pixel of a window fires.
template <Shown shown, class Model, class R, int lanes>
__device__ __forceinline__ void find_first(const BackwardArgs<R>& args,
                                           const typename Model::template Params<R>& params,
                                           Normalise<R, lanes>& normalise, std::int64_t neuron,
                                           int begin, int end, Fired<lanes>& fired) {
  const Input<R>& in = args.in;
  States<Model, R, lanes> state =
      state_before<Model, R, lanes>(in, args.grid.neurons, begin, neuron);
  Pack<R, lanes> y;
  if (is_static<shown>(in)) y = normalise(0, load<R, lanes>(in.x + neuron));
#pragma unroll 4
  for (int t = begin; t < end; ++t) {
    if (!is_static<shown>(in))
      y = normalise(t, load<R, lanes>(in.x + t * args.grid.neurons + neuron));
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      if (Model::step(params, state.lane[i], y.lane[i], neurons::Fire{}) != R(0))
        fired.first[i] |= 1u << (t - begin);
  }
#pragma unroll
  for (int i = 0; i < lanes; ++i) fired.before[i] = fired.first[i];
}

template <Shown shown, class Model, class Slope, class R, int lanes>
__device__ __forceinline__ void walk_cell(const BackwardArgs<R>& args,
                                          const typename Model::template Params<R>& params,
                                          const Slope& slope, Normalise<R, lanes>& normalise,
                                          int channel, int index, Totals<Model, R, lanes>& totals) {
  const Cell cell(args.grid, index, channel);
  const int pixels = cell.pixels(), steps = static_cast<int>(args.in.steps);
  const bool contested = args.grid.pool == SpikePool::max && pixels > 1 && cell.output >= 0;
  for (int begin = (steps - 1) / span * span; begin >= 0; begin -= span) {
    const int end = min(begin + span, steps);
    Fired<lanes> fired;
    if (contested)
      find_first<shown, Model, R, lanes>(args, params, normalise, cell.first, begin, end, fired);
#pragma unroll 1
    for (int k = 1, row = 0, column = 0; k <= pixels; ++k) {
      const bool first = k == pixels;
      if (++column == cell.columns) column = 0, ++row;
      Walk<Model, R, lanes> walk{.neuron = first ? cell.first : cell.neuron(row, column),
                                 .output = cell.output,
                                 .begin = begin,
                                 .end = end,
                                 .takes_all = !contested,
                                 .is_first = first};
      walk_pixel<shown, Model, Slope, R, lanes>(args, params, slope, normalise, channel, fired,
                                                walk, totals);
    }
  }
}

/// Blocks that share a multiprocessor: as many as fit without spilling.
template <Shown shown, class Model>
constexpr int least_blocks() {
  constexpr int states = neurons::field_count<Model::template State>;
  constexpr bool learns = neurons::field_count<Model::template Learnable> != 0;
  if (shown == Shown::either || states != 1) return 1;
  if (shown == Shown::still) return learns ? 3 : 4;
  return learns ? 2 : 3;
}

template <Shown shown, class Model, class Slope, class R, int lanes>
__global__ void __launch_bounds__(backward_threads, least_blocks<shown, Model>())
    backward(const BackwardArgs<R> args, const typename Model::template Params<R> given,
             const Slope slope) {
  const Place place(args.layout);
  __shared__ double sums[2 * lanes][backward_threads];
  Totals<Model, R, lanes> totals(sums);
  if (!place.idle) {
    const auto params = learned<Model, R>(given, args.in.learnables);
    const int channel = static_cast<int>(place.pack) * lanes;
    Normalise<R, lanes> normalise(args.in, channel);
    for (std::int64_t cell = place.row; cell < args.grid.cells; cell += args.layout.row_step())
      walk_cell<shown, Model, Slope, R, lanes>(args, params, slope, normalise, channel,
                                               static_cast<int>(cell), totals);
  }
  if (args.partials != nullptr) {
    double grad[lanes], grad_x[lanes];
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      grad[i] = sums[i][threadIdx.x];
      grad_x[i] = sums[lanes + i][threadIdx.x];
    }
    norm::device::leave_partials<backward_threads>(grad, grad_x, args.layout, place, args.partials);
  }
  constexpr int learnables = Totals<Model, R, lanes>::learnables;
  if (learnables == 0 || args.shares == nullptr) return;
  Layout column{};  // the whole block as one
  column.across = 1;
  column.down = backward_threads;
  column.half = backward_threads / 2;
#pragma unroll
  for (int l = 0; l < learnables; ++l) {
    const double sum = norm::device::column_sum<backward_threads>(totals.learnt[l], column,
                                                                  static_cast<int>(threadIdx.x));
    if (threadIdx.x == 0) args.shares[blockIdx.x * 2 * learnables + l] = sum;
  }
}

}  // namespace ranvier::fused::device
