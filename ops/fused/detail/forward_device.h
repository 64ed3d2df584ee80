// Forward on a CUDA device: x is read once, normalised, stepped with the state in registers, and
// the pooled spikes are written. What a window collects from its pixels stays in registers: for
// spikes one bit per step, else one number. Longer sequences are cut into spans, between which the
// states of windows with several pixels go through memory.
#pragma once

#include "ranvier/ops/fused/detail/cells_device.h"

namespace ranvier::fused::device {

template <class R>
struct ForwardArgs {
  Input<R> in;
  Output<R> out;
  CellGrid grid;
  R* carried[max_states];  // states between spans, [neurons]
};

/// Which of 32 steps some pixel of the window fired at.
template <class R, int lanes>
struct FiredSteps {
  static constexpr int span = 32, unrolled = 1;  // bits can be told apart by a run-time number
  unsigned steps[lanes] = {};

  __device__ __forceinline__ void add(bool /*first*/, int s, const Pack<R, lanes>& spikes) {
    const unsigned step = 1u << s;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      if (spikes.lane[i] != R(0)) steps[i] |= step;
  }
  __device__ __forceinline__ Pack<R, lanes> at(int s) const {
    Pack<R, lanes> spikes;
#pragma unroll
    for (int i = 0; i < lanes; ++i) spikes.lane[i] = (steps[i] >> s & 1u) != 0 ? R(1) : R(0);
    return spikes;
  }
};

/// The sums of the window's outputs at 8 steps.
template <class R, int lanes>
struct SummedSteps {
  static constexpr int span = 8, unrolled = 8;  // registers cannot
  Pack<R, lanes> sums[span];

  __device__ __forceinline__ void add(bool first, int s, const Pack<R, lanes>& out) {
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      sums[s].lane[i] = first ? out.lane[i] : sums[s].lane[i] + out.lane[i];
  }
  __device__ __forceinline__ Pack<R, lanes> at(int s) const { return sums[s]; }
};

/// Steps [begin, end) of one pixel.
template <class Model, class R, int lanes, class Collector>
__device__ __forceinline__ void run_span(const ForwardArgs<R>& args,
                                         const typename Model::template Params<R>& params,
                                         Normalise<R, lanes>& normalise,
                                         States<Model, R, lanes>& state,
                                         const Pack<R, lanes>& still, std::int64_t neuron,
                                         int begin, int end, bool first, Collector& collected) {
  constexpr int ahead = checkpoint_interval, variables = States<Model, R, lanes>::variables;
  const Input<R>& in = args.in;
  const int steps = static_cast<int>(in.steps);
  const int limit = Collector::unrolled > 1 ? Collector::span : end - begin;
#pragma unroll(Collector::unrolled)
  for (int group = 0; group < limit; group += ahead) {
    if (begin + group >= end) continue;
    Pack<R, lanes> x[ahead];
#pragma unroll
    for (int s = 0; s < ahead; ++s)
      if (!in.static_input && begin + group + s < end)
        x[s] = cuda::load_once<R, lanes>(in.x + (begin + group + s) * args.grid.neurons + neuron);
#pragma unroll
    for (int s = 0; s < ahead; ++s) {
      const int t = begin + group + s;
      if (t >= end) continue;
      const Pack<R, lanes> y = in.static_input ? still : normalise(t, x[s]);
      Pack<R, lanes> out;
#pragma unroll
      for (int i = 0; i < lanes; ++i)
        out.lane[i] = Model::step(params, state.lane[i], y.lane[i], neurons::Fire{});
      collected.add(first, group + s, out);
    }
    const int after = begin + group + ahead;
    if (args.out.checkpoints != nullptr && after < steps) {
#pragma unroll
      for (int k = 0; k < variables; ++k)
        store<R, lanes>(checkpoint(args.out.checkpoints, after / checkpoint_interval, k, variables,
                                   args.grid.neurons) +
                            neuron,
                        state.variable(k));
    }
  }
}

/// Writes what a window has collected in steps [begin, end).
template <class R, int lanes, class Collector>
__device__ __forceinline__ void emit(const ForwardArgs<R>& args, const Collector& collected,
                                     std::int64_t output, int begin, int end) {
  const R area = static_cast<R>(args.grid.kernel * args.grid.kernel);
  const int limit = Collector::unrolled > 1 ? Collector::span : end - begin;
#pragma unroll(Collector::unrolled)
  for (int s = 0; s < limit; ++s) {
    if (begin + s >= end) continue;
    Pack<R, lanes> values = collected.at(s);
    if (args.grid.pool == SpikePool::average)
#pragma unroll
      for (int i = 0; i < lanes; ++i) values.lane[i] /= area;
    const std::int64_t at = (begin + s) * args.grid.outputs + output;
    if (args.out.spikes != nullptr) store<R, lanes>(args.out.spikes + at, values);
    if (args.out.words != nullptr) neurons::device::store_bits(args.out.words, at, values);
  }
}

inline constexpr int forward_threads = 256;

template <class Model, class R, int lanes, class Collector>
__global__ void __launch_bounds__(forward_threads, 1)
    forward(const ForwardArgs<R> args, const typename Model::template Params<R> given) {
  const Input<R>& in = args.in;
  const int packs = args.grid.channels / lanes, steps = static_cast<int>(in.steps);
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * forward_threads + threadIdx.x;
  const std::int64_t index = thread / packs;
  if (index >= args.grid.cells) return;
  const int channel = static_cast<int>(thread - index * packs) * lanes;
  const Cell cell(args.grid, static_cast<int>(index), channel);
  const auto params = learned<Model, R>(given, in.learnables);
  Normalise<R, lanes> normalise(in, channel);
  const int pixels = cell.pixels();
  States<Model, R, lanes> state;
  for (int begin = 0; begin < steps; begin += Collector::span) {
    const int end = min(begin + Collector::span, steps);
    Collector collected;
    Pack<R, lanes> next_x{};
    if (in.static_input) next_x = load<R, lanes>(in.x + cell.first);
    std::int64_t neuron = cell.first, next = cell.first;
    for (int p = 0, row = 0, column = 0; p < pixels; ++p, neuron = next) {
      if (++column == cell.columns) column = 0, ++row;
      if (p + 1 < pixels) next = cell.neuron(row, column);
      if (begin == 0)
        state.read(in.state, in.program.rest, neuron);
      else if (pixels > 1)
        state.read(args.carried, in.program.rest, neuron);
      Pack<R, lanes> still{};
      if (in.static_input) {  // while this pixel is stepped, the next one's x is on its way
        still = normalise(0, next_x);
        next_x = load<R, lanes>(in.x + next);
      }
      run_span<Model, R, lanes>(args, params, normalise, state, still, neuron, begin, end, p == 0,
                                collected);
      if (end == steps)
        state.write(args.out.state, neuron);
      else if (pixels > 1)
        state.write(args.carried, neuron);
    }
    if (cell.output >= 0) emit<R, lanes>(args, collected, cell.output, begin, end);
  }
}

}  // namespace ranvier::fused::device
