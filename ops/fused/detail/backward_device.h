// Backward on a CUDA device: a thread walks its cells pixel by pixel, from the last step to the
// first, with the state before each of a few steps recomputed into registers.
//
// The gradient of a window goes, at each step, to its first pixel that fired, or to its first pixel
// if none did. So pixels are walked in row order but for the first, which comes last: by then it is
// known when one of the others fired, as bits of up to 32 steps, a span. Spans are walked from the
// last to the first; between them the gradients of the states go through memory.
#pragma once

#include "ranvier/ops/fused/detail/cells_device.h"
#include "ranvier/ops/neurons/neuron.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"

namespace ranvier::fused::device {

using norm::device::Layout;
using norm::device::Place;

template <class R>
struct BackwardArgs {
  Input<R> in;
  GradInput<R> grad_in;
  CellGrid grid;
  Layout layout;              // of cells
  R* carried[max_states];     // gradients of the state between spans, [neurons]
  R* grad_state[max_states];  // null: not wanted
  R* grad_x;                  // of x, or of y if `to_x` has no scale; null: not wanted
  NormGradient<R> to_x;
  R share;           // of a window's gradient that a pixel takes: 1, or 1 / area of a mean
  const R* centre;   // of the sums
  double* partials;  // sums over a block, as `leave_partials` leaves them; null: not wanted
  double* shares;    // [blocks, 2, learnables], the second unused; null: not wanted
};

inline constexpr int span = 32;
inline constexpr int backward_threads = 128;

/// Launches the kernel of `args.in.program`, with four channels a thread if `fours`.
template <class R>
void launch_backward(Device device, const BackwardArgs<R>& args, bool fours);

/// What is known of the input when a kernel is compiled: registers are saved where it is much.
enum class Shown { either, still, moving };

template <Shown shown, class R>
__device__ __forceinline__ bool is_static(const Input<R>& in) {
  return shown == Shown::either ? in.static_input : shown == Shown::still;
}

/// What a thread adds up over its cells. The sums per channel are touched once in a few steps, so
/// they leave the registers to others.
template <class Model, class R, int lanes>
struct Totals {
  using Learnable = typename Model::template Learnable<R>;
  static constexpr int learnables = count_of<Learnable, R>;
  double (*sums)[backward_threads];  // [2 lanes, threads]
  double learnt[learnables > 0 ? learnables : 1] = {};

  __device__ explicit Totals(double (*memory)[backward_threads]) : sums(memory) {
#pragma unroll
    for (int i = 0; i < 2 * lanes; ++i) sums[i][threadIdx.x] = 0;
  }
  __device__ __forceinline__ void add(int i, R sum, R sum_x) {
    sums[i][threadIdx.x] += static_cast<double>(sum);
    sums[lanes + i][threadIdx.x] += static_cast<double>(sum_x);
  }
};

/// A thread's pixel on its way back through a span.
template <class Model, class R, int lanes>
struct Walk {
  using Learnable = typename Model::template Learnable<R>;
  std::int64_t neuron, output;  // output: of its window; -1: none
  int begin, end;               // steps of the span
  bool takes_all, is_first;     // takes_all: of windows of one pixel, and of means
  States<Model, R, lanes> grad{};
  Learnable learnt[lanes] = {};
  Pack<R, lanes> x{}, grad_sum{};  // of a static input
};

/// At which steps of a span (bit t - begin) a pixel before this one fired; of the first pixel.
template <int lanes>
struct Fired {
  unsigned before[lanes] = {}, first[lanes] = {};
};

/// gx from the gradient of y.
template <class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> input_gradient(const NormGradient<R>& to_x, int channel,
                                                         const Pack<R, lanes>& grad,
                                                         const Pack<R, lanes>& x) {
  using neurons::mul_add;
  const auto scale = load<R, lanes>(to_x.scale + channel);
  Pack<R, lanes> result;
  if (to_x.slope == nullptr) {
#pragma unroll
    for (int i = 0; i < lanes; ++i) result.lane[i] = scale.lane[i] * grad.lane[i];
    return result;
  }
  const auto slope = load<R, lanes>(to_x.slope + channel);
  const auto centre = load<R, lanes>(to_x.centre + channel);
  const auto offset = load<R, lanes>(to_x.offset + channel);
#pragma unroll
  for (int i = 0; i < lanes; ++i)
    result.lane[i] = mul_add(scale.lane[i], grad.lane[i],
                             mul_add(slope.lane[i], x.lane[i] - centre.lane[i], offset.lane[i]));
  return result;
}

/// Steps [t, t + interval) of a pixel.
template <Shown shown, class Model, class Slope, class R, int lanes>
__device__ __forceinline__ void walk_interval(const BackwardArgs<R>& args,
                                              const typename Model::template Params<R>& params,
                                              const Slope& slope, Normalise<R, lanes>& normalise,
                                              int channel, int t, Fired<lanes>& fired,
                                              Walk<Model, R, lanes>& walk,
                                              Totals<Model, R, lanes>& totals) {
  constexpr int interval = checkpoint_interval;
  const Input<R>& in = args.in;
  Pack<R, lanes> x[interval], grad_out[interval];
  States<Model, R, lanes> before[interval];
#pragma unroll
  for (int s = 0; s < interval; ++s) {
    x[s] = walk.x;
    if (!is_static<shown>(in) && t + s < walk.end)
      x[s] = load<R, lanes>(in.x + (t + s) * args.grid.neurons + walk.neuron);
  }
#pragma unroll
  for (int s = 0; s < interval; ++s) {
    grad_out[s] = {};
    if (args.grad_in.spikes != nullptr && walk.output >= 0 && t + s < walk.end)
      grad_out[s] = load<R, lanes>(args.grad_in.spikes + (t + s) * args.grid.outputs + walk.output);
  }
  unsigned takes[lanes];  // bit s: the gradient of step t + s is this pixel's
#pragma unroll
  for (int i = 0; i < lanes; ++i)
    takes[i] = walk.takes_all  ? ~0u
               : walk.is_first ? (fired.first[i] | ~fired.before[i]) >> (t - walk.begin)
                               : 0u;
  const bool contends = !walk.takes_all && !walk.is_first;
  States<Model, R, lanes> state =
      state_before<Model, R, lanes>(in, args.grid.neurons, t, walk.neuron);
#pragma unroll
  for (int s = 0; s < interval; ++s) {
    before[s] = state;
    if (t + s >= walk.end) continue;
    const Pack<R, lanes> y = normalise(t + s, x[s]);
    const unsigned step = 1u << (t + s - walk.begin);
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      const R spike = Model::step(params, state.lane[i], y.lane[i], neurons::Fire{});
      if (!contends || spike == R(0)) continue;
      if ((fired.before[i] & step) == 0) takes[i] |= 1u << s;
      fired.before[i] |= step;
    }
  }
  R sum[lanes] = {}, sum_x[lanes] = {};
#pragma unroll
  for (int s = interval - 1; s >= 0; --s) {
    if (t + s >= walk.end) continue;
    const Pack<R, lanes> y = normalise(t + s, x[s]);
    Pack<R, lanes> grad;
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      const R of_spike = (takes[i] >> s & 1u) != 0 ? args.share * grad_out[s].lane[i] : R(0);
      grad.lane[i] = Model::adjoint(params, before[s].lane[i], y.lane[i], of_spike,
                                    walk.grad.lane[i], walk.learnt[i], slope);
    }
    if (is_static<shown>(in)) {
#pragma unroll
      for (int i = 0; i < lanes; ++i) walk.grad_sum.lane[i] += grad.lane[i];
      continue;
    }
    if (args.partials != nullptr) {
      const auto centre = load<R, lanes>(args.centre + channel);
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        sum[i] += grad.lane[i];
        sum_x[i] += grad.lane[i] * (x[s].lane[i] - centre.lane[i]);
      }
    }
    if (args.grad_x != nullptr)
      store<R, lanes>(args.grad_x + (t + s) * args.grid.neurons + walk.neuron,
                      args.to_x.scale == nullptr
                          ? grad
                          : input_gradient<R, lanes>(args.to_x, channel, grad, x[s]));
  }
  if (is_static<shown>(in) || args.partials == nullptr) return;
#pragma unroll
  for (int i = 0; i < lanes; ++i) totals.add(i, sum[i], sum_x[i]);
}

/// A static input's gradient, summed over time, is complete at its first step.
template <class Model, class R, int lanes>
__device__ __forceinline__ void finish_static(const BackwardArgs<R>& args, int channel,
                                              const Walk<Model, R, lanes>& walk,
                                              Totals<Model, R, lanes>& totals) {
  store<R, lanes>(args.grad_x + walk.neuron, walk.grad_sum);
  if (walk.begin > 0 || args.partials == nullptr) return;
  const auto centre = load<R, lanes>(args.centre + channel);
#pragma unroll
  for (int i = 0; i < lanes; ++i)
    totals.add(i, walk.grad_sum.lane[i], walk.grad_sum.lane[i] * (walk.x.lane[i] - centre.lane[i]));
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
    walk.x = load<R, lanes>(in.x + walk.neuron);
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
#pragma unroll 4
  for (int t = begin; t < end; ++t) {
    const Pack<R, lanes> y = normalise(
        t, load<R, lanes>(in.x + (is_static<shown>(in) ? 0 : t * args.grid.neurons) + neuron));
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
    for (int k = 1; k <= pixels; ++k) {
      const int pixel = k == pixels ? 0 : k;
      Walk<Model, R, lanes> walk{.neuron = cell.neuron(pixel),
                                 .output = cell.output,
                                 .begin = begin,
                                 .end = end,
                                 .takes_all = !contested,
                                 .is_first = pixel == 0};
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
