// Forward on a CUDA device: x is read once, normalised, stepped with the state in registers, and
// the pooled spikes are written. The sums over a window's pixels in an interval stay in registers;
// between intervals the states of windows with several pixels go through memory, which is the
// cache.
#pragma once

#include "ranvier/ops/fused/detail/interval_device.h"

namespace ranvier::fused::device {

template <class S>
struct ForwardArgs {
  Input<S> in;
  Output<S> out;
  CellGrid grid;
  Divider packs;  // of a pixel
  Trail<Computed<S>> trail;
};

/// What a window gives for the sums of its pixels' outputs. A window with a spike has a sum >= 1.
template <int steps, class R, int lanes>
__device__ __forceinline__ void pool_sums(const CellGrid& grid, Steps<R, lanes, steps>& sums) {
  const R area = static_cast<R>(grid.kernel * grid.kernel);
#pragma unroll
  for (int s = 0; s < steps; ++s)
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      R& sum = sums[s].lane[i];
      if (grid.pool == SpikePool::average) sum /= area;
      if (grid.pool == SpikePool::max) sum = sum > R(1) ? R(1) : sum;
    }
}

/// Writes what a window gives from step t on.
template <int steps, class S, class R, int lanes>
__device__ __forceinline__ void emit(const ForwardArgs<S>& args,
                                     const Steps<R, lanes, steps>& values, std::int64_t output,
                                     int t) {
  std::int64_t at = t * args.grid.outputs + output;
#pragma unroll
  for (int s = 0; s < steps; ++s, at += args.grid.outputs) {
    if (args.out.spikes != nullptr)
      store_as<R, lanes>(args.out.spikes + at, values[s]);
    else
      neurons::device::store_bits(args.out.words, at, values[s]);
  }
}

/// The interval of a cell from step t on. `state` is that of its last pixel: it stays where it is
/// if there is one.
template <Shown shown, int steps, class Model, class S, class R, int lanes>
__device__ __forceinline__ void run_interval(const ForwardArgs<S>& args,
                                             const typename Model::template Params<R>& params,
                                             const Normalise<R, lanes>& normalise, const Cell& cell,
                                             int t, States<Model, R, lanes>& state) {
  const int pixels = cell.pixels();
  const bool last = t + steps >= args.in.steps;
  constexpr int variables = States<Model, R, lanes>::variables;
  const std::int64_t neurons = args.grid.neurons;
  const auto from = t == 0 ? Variables<const R>(args.in.state)
                           : Variables<const R>(args.trail.before(t), variables, neurons);
  const auto to = last ? Variables<R>(args.out.state)
                       : Variables<R>(args.trail.before(t + steps),
                                      args.trail.states == nullptr ? 0 : variables, neurons);
  Steps<R, lanes, steps> sums;
#pragma unroll
  for (int s = 0; s < steps; ++s)
#pragma unroll
    for (int i = 0; i < lanes; ++i) sums[s].lane[i] = R(-0.0);  // adds nothing to 0 of either sign
  PixelWalk pixel(args.grid, cell);
  Inputs<shown, S, lanes, steps> inputs;
  inputs.read(args.in, neurons, pixel.neuron, t);
#pragma unroll 1
  for (int p = 1; p <= pixels; ++p) {
    const std::int64_t neuron = pixel.neuron;
    pixel.next(args.grid, cell);
    if (t == 0 || pixels > 1) state.read(from.at, args.in.program.rest, neuron);
    Steps<R, lanes, steps> y;
    normalise(inputs, t, y);
    // While this pixel is stepped, the next one's x is on its way.
    if (p < pixels) inputs.read(args.in, neurons, pixel.neuron, t);
#pragma unroll
    for (int s = 0; s < steps; ++s)
#pragma unroll
      for (int i = 0; i < lanes; ++i)
        sums[s].lane[i] += Model::step(params, state.lane[i], y[s].lane[i], neurons::Fire{});
    state.write(to.at, neuron);
  }
  if (cell.output < 0) return;
  pool_sums<steps>(args.grid, sums);
  emit<steps>(args, sums, cell.output, t);
}

inline constexpr int forward_threads = 128;

/// Blocks that share a multiprocessor: as many as fit without spilling.
template <Shown shown, class Model>
constexpr int forward_blocks = is_small<Model>&& shown == Shown::still ? 7 : 1;

template <Shown shown, class Model, class S, int lanes>
__global__ void __launch_bounds__(forward_threads, forward_blocks<shown, Model>)
    forward(const ForwardArgs<S> args, const typename Model::template Params<Computed<S>> given) {
  using R = Computed<S>;
  const int thread = static_cast<int>(blockIdx.x * forward_threads + threadIdx.x);
  const int index = args.packs.quotient(thread);
  if (index >= args.grid.cells) return;
  const int channel = (thread - index * args.packs.divisor()) * lanes;
  const auto params = learned<Model, R>(given, args.in.learnables);
  const Normalise<R, lanes> normalise(args.in, channel);
  const Cell cell(args.grid, index, channel);
  const int steps = static_cast<int>(args.in.steps);
  States<Model, R, lanes> state;
  int t = 0;
#pragma unroll 1
  for (; t + interval <= steps; t += interval)
    run_interval<shown, interval>(args, params, normalise, cell, t, state);
#pragma unroll 1
  for (; t < steps; ++t) run_interval<shown, 1>(args, params, normalise, cell, t, state);
}

}  // namespace ranvier::fused::device
