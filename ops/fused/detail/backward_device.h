// Backward on a CUDA device: a thread walks its cells interval by interval, from the last to the
// first, and in each interval pixel by pixel. Between intervals the gradients of the states go
// through memory, which is the cache.
//
// The gradient of a window goes, at each step, to its first pixel that fired, or to its first pixel
// if none did. So pixels are walked in row order but for the first, which comes last and takes what
// the others have left.
#pragma once

#include "ranvier/ops/fused/detail/pixel_device.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {

/// The interval of a cell from step t on. `walk` is the way of its last pixel: it stays where it is
/// if there is one.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void walk_interval(Worker<Model, Slope, S, lanes>& worker,
                                              const Cell& cell, int t, Held<R, lanes>& held,
                                              Walk<Model, R, lanes>& walk) {
  const BackwardArgs<S>& args = worker.args;
  const int pixels = cell.pixels();
  const bool contested = args.grid.pool == SpikePool::max && pixels > 1 && cell.output >= 0;
  const bool last = t + steps >= args.in.steps;
  const R zeros[max_states] = {};
  constexpr int variables = States<Model, R, lanes>::variables;
  const std::int64_t neurons = args.grid.neurons;
  const bool carries = pixels > 1;
  const auto from = last ? Variables<const R>(args.grad_in.state)
                         : Variables<const R>(args.carried, variables, neurons);
  const auto to = t == 0 ? Variables<R>(args.grad_state)
                         : Variables<R>(args.carried, carries ? variables : 0, neurons);
  const Trail<const R> trail{args.in.checkpoints, variables * neurons};
  Window<R, lanes> window{.output = cell.output,
                          .begin = t,
                          .states = t == 0
                                        ? Variables<const R>(args.in.state)
                                        : Variables<const R>(trail.before(t), variables, neurons),
                          .held = held};
  PixelWalk pixel(args.grid, cell);
  if (pixels > 1) pixel.next(args.grid, cell);
  Inputs<shown, S, lanes, steps> first, inputs;
  if (reads_ahead<shown, S>) {  // what is read first is all asked for before it is waited for
    first.read(args.in, neurons, cell.first, t);
    inputs.read(args.in, neurons, pixel.neuron, t);
  }
  Steps<R, lanes, steps> left;
  read_gradient<steps>(args, cell.output, t, left);
#pragma unroll
  for (int s = 0; s < steps; ++s) held.all[s][threadIdx.x] = left[s];
  if (contested) {
    if (!reads_ahead<shown, S>) first.read(args.in, neurons, cell.first, t);
    serve_first(worker, cell.first, first, window, left);
  }
#pragma unroll
  for (int s = 0; s < steps; ++s) held.left[s][threadIdx.x] = left[s];
  CellSums<R, lanes>().keep(held.sums);
  std::int64_t next = pixel.neuron;
#pragma unroll 1
  for (int p = 1; p <= pixels; ++p) {
    walk.neuron = next;
    walk.shares = contested && p < pixels;
    pixel.next(args.grid, cell);
    next = p + 1 < pixels ? pixel.neuron : cell.first;
    if (last || carries) {
      walk.grad.read(from.at, zeros, walk.neuron);
      walk.grad_sum = {};
      if (is_static<shown>(args.in) && !last)
        walk.grad_sum = load<R, lanes>(args.grad_y + walk.neuron);
    }
    walk_pixel(worker, walk, window, inputs, next);
    walk.grad.write(to.at, walk.neuron);
  }
  if (args.partials != nullptr) worker.totals.add(CellSums<R, lanes>(held.sums));
}

template <Shown shown, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void walk_cell(Worker<Model, Slope, S, lanes>& worker, const Cell& cell,
                                          Held<R, lanes>& held) {
  int t = static_cast<int>(worker.args.in.steps);
  Walk<Model, R, lanes> walk;
#pragma unroll 1
  while (t % interval != 0) walk_interval<shown, 1>(worker, cell, --t, held, walk);
#pragma unroll 1
  while (t > 0) {
    t -= interval;
    walk_interval<shown, interval>(worker, cell, t, held, walk);
  }
}

/// Blocks that share a multiprocessor: as many as fit without spilling.
template <Shown shown, class Model>
constexpr int backward_blocks = is_small<Model>&& shown != Shown::either ? blocks_each(shown) : 1;

template <Shown shown, class Model, class Slope, class S, int lanes>
__global__ void __launch_bounds__(backward_threads, backward_blocks<shown, Model>)
    backward(const BackwardArgs<S> args, const typename Model::template Params<Computed<S>> given,
             const Slope slope) {
  using R = Computed<S>;
  const Place place(args.layout);
  __shared__ double sums[2 * lanes][backward_threads];
  __shared__ Held<R, lanes> held;
  Totals<Model, R, lanes> totals(sums);
  constexpr int learnables = Totals<Model, R, lanes>::learnables;
  if (!place.idle) {
    const int channel = static_cast<int>(place.pack) * lanes;
    Worker<Model, Slope, S, lanes> worker{args, learned<Model, R>(given, args.in.learnables), slope,
                                          channel, totals};
    for (std::int64_t row = place.row; row < args.grid.cells; row += args.layout.row_step())
      walk_cell<shown>(worker, Cell(args.grid, static_cast<int>(row), channel), held);
  }
  if (args.partials != nullptr) norm::device::leave_sums(sums, args.layout, place, args.partials);
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
