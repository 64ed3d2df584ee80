// Backward on a CUDA device: a thread walks its cells interval by interval, from the last to the
// first, and in each interval pixel by pixel. Between intervals the gradients of the states go
// through memory, which is the cache.
//
// The gradient of a window goes, at each step, to its first pixel that fired, or to its first pixel
// if none did. So pixels are walked in row order but for the first, which comes last and takes what
// the others have left.
#pragma once

#include "ranvier/ops/fused/detail/walk_device.h"
#include "ranvier/ops/neurons/neuron.h"

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

/// Sums the gradients of y, or writes those of x. x is read again: the cache has it, and registers
/// are full.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void put(const Worker<Model, Slope, S, lanes>& worker,
                                    const Walk<Model, R, lanes>& walk,
                                    const Steps<R, lanes, steps>& grad, Window<R, lanes>& window) {
  const BackwardArgs<S>& args = worker.args;
  Inputs<shown, S, lanes, steps> inputs;
  inputs.read_once(args.in, args.grid.neurons, walk.neuron, window.begin);
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

/// One pixel in one interval.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void walk_pixel(Worker<Model, Slope, S, lanes>& worker,
                                           Walk<Model, R, lanes>& walk, Window<R, lanes>& window) {
  const BackwardArgs<S>& args = worker.args;
  Inputs<shown, S, lanes, steps> inputs;
  inputs.read(args.in, args.grid.neurons, walk.neuron, window.begin);
  Steps<R, lanes, steps> y, grad;
  Normalise<R, lanes>(worker.args.in, worker.channel)(inputs, window.begin, y);
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
  take_back<steps>(worker, y, before, walk, grad);
  put<shown, steps>(worker, walk, grad, window);
}

/// Leaves to the pixels after the first nothing at the steps at which that one fires.
template <Shown shown, int steps, class Model, class Slope, class S, int lanes, class R>
__device__ __forceinline__ void serve_first(const Worker<Model, Slope, S, lanes>& worker,
                                            std::int64_t neuron, const Window<R, lanes>& window,
                                            Steps<R, lanes, steps>& left) {
  Inputs<shown, S, lanes, steps> inputs;
  inputs.read(worker.args.in, worker.args.grid.neurons, neuron, window.begin);
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
  Steps<R, lanes, steps> left;
  read_gradient<steps>(args, cell.output, t, left);
#pragma unroll
  for (int s = 0; s < steps; ++s) held.all[s][threadIdx.x] = left[s];
  if (contested) serve_first<shown>(worker, cell.first, window, left);
#pragma unroll
  for (int s = 0; s < steps; ++s) held.left[s][threadIdx.x] = left[s];
  CellSums<R, lanes>().keep(held.sums);
  PixelWalk pixel(args.grid, cell);
#pragma unroll 1
  for (int p = 1; p <= pixels; ++p) {
    pixel.next(args.grid, cell);
    walk.neuron = p == pixels ? cell.first : pixel.neuron;
    walk.shares = contested && p < pixels;
    if (last || carries) {
      walk.grad.read(from.at, zeros, walk.neuron);
      walk.grad_sum = {};
      if (is_static<shown>(args.in) && !last)
        walk.grad_sum = load<R, lanes>(args.grad_y + walk.neuron);
    }
    walk_pixel<shown, steps>(worker, walk, window);
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
constexpr int least_blocks() {
  constexpr bool small = neurons::field_count<Model::template State> == 1 &&
                         neurons::field_count<Model::template Learnable> == 0;
  return small && shown != Shown::either ? blocks_each(shown) : 1;
}

template <Shown shown, class Model, class Slope, class S, int lanes>
__global__ void __launch_bounds__(backward_threads, least_blocks<shown, Model>())
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
