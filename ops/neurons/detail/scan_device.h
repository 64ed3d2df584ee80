// The CUDA engine: the functors that the CPU's loops use, in kernels of one thread per one or four
// neurons. Included by a file for each number type.
//
// Forward: a thread takes its neurons through all steps with the state in registers; x does not
// depend on the recurrence, so the loads of several steps are in flight while one is stepped. A
// scan that will be differentiated leaves its state after every `checkpoint_interval` steps.
// Backward: from the last interval to the first, the states of an interval are recomputed into
// registers from its checkpoint and walked back, so x is read once. Nothing spills: the build makes
// a spill an error.
#pragma once

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/neurons/detail/checkpoints_device.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::neurons::device {

template <int lanes>
__device__ __forceinline__ std::int64_t first_neuron() {
  return (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * lanes;
}

/// Steps whose loads are in flight at once.
template <int lanes>
inline constexpr int steps_in_flight = lanes == 1 ? 16 : 8;

template <class Model, class R, int lanes>
__global__ void __launch_bounds__(threads) forward(const ScanInput<R> in, const ScanOutput<R> out,
                                                   const typename Model::template Params<R> given) {
  constexpr int ahead = steps_in_flight<lanes>;
  constexpr std::int64_t interval = checkpoint_interval;
  const std::int64_t first = first_neuron<lanes>();
  if (first >= in.neurons) return;
  const auto params = learned<Model, R>(given, in.learnables);
  States<Model, R, lanes> state;
  state.read(in.state, in.program.rest, first);
  Pack<R, lanes> sum{}, x[ahead];
  for (std::int64_t begin = 0; begin < in.steps; begin += ahead) {
#pragma unroll
    for (int s = 0; s < ahead; ++s)
      if (begin + s < in.steps && (begin + s == 0 || !in.static_input))
        x[s] = load_once<R, lanes>(in.x_at(begin + s) + first);
#pragma unroll
    for (int s = 0; s < ahead; ++s) {
      const std::int64_t t = begin + s;
      if (t >= in.steps) break;
      Pack<R, lanes> spikes;
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        const R input = in.static_input ? x[0].lane[i] : x[s].lane[i];
        spikes.lane[i] = Model::step(params, state.lane[i], input, Fire{});
        sum.lane[i] += spikes.lane[i];
      }
      const std::int64_t at = t * in.neurons + first;
      if (out.spikes != nullptr) store<R, lanes>(out.spikes + at, spikes);
      if (out.trace != nullptr) store<R, lanes>(out.trace + at, state.variable(0));
      if constexpr (lanes == 4)
        if (out.words != nullptr) store_bits(out.words, at, spikes);
      if (out.checkpoints != nullptr && (t + 1) % interval == 0 && t + 1 < in.steps)
        leave_checkpoint(out.checkpoints, (t + 1) / interval - 1, state, in.neurons, first);
    }
  }
  if (out.rate != nullptr) {
#pragma unroll
    for (int i = 0; i < lanes; ++i) sum.lane[i] /= static_cast<R>(in.steps);
    store<R, lanes>(out.rate + first, sum);
  }
  state.write(out.state, first);
}

/// The arrays of a backward pass.
template <class R>
struct BackwardArgs {
  ScanInput<R> in;
  ScanGradInput<R> grad_in;
  ScanGradOutput<R> grad_out;
  double* shares;  // [blocks, learnables]
};

/// What a thread carries backwards through time.
template <class Model, class R, int lanes>
struct Carried {
  using Learnable = typename Model::template Learnable<R>;
  States<Model, R, lanes> grad;
  Learnable learnt[lanes];
  Pack<R, lanes> grad_x_sum, grad_rate;
};

template <class Model, class Slope, class R, int lanes>
__device__ __forceinline__ void walk_interval(const BackwardArgs<R>& args,
                                              const typename Model::template Params<R>& params,
                                              const Slope& slope, States<Model, R, lanes> state,
                                              std::int64_t begin, std::int64_t first,
                                              Carried<Model, R, lanes>& carried) {
  constexpr int interval = checkpoint_interval;
  const ScanInput<R>& in = args.in;
  States<Model, R, lanes> before[interval];
  Pack<R, lanes> x[interval], grad_out[interval];
#pragma unroll
  for (int s = 0; s < interval; ++s)
    if (begin + s < in.steps) x[s] = load_once<R, lanes>(in.x_at(begin + s) + first);
#pragma unroll
  for (int s = 0; s < interval; ++s) {
    grad_out[s] = Pack<R, lanes>{};
    if (args.grad_in.spikes != nullptr && begin + s < in.steps)
      grad_out[s] = load_once<R, lanes>(args.grad_in.spikes + (begin + s) * in.neurons + first);
  }
#pragma unroll
  for (int s = 0; s < interval; ++s) {
    before[s] = state;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      if (begin + s < in.steps) Model::step(params, state.lane[i], x[s].lane[i], Fire{});
  }
#pragma unroll
  for (int s = interval - 1; s >= 0; --s) {
    const std::int64_t t = begin + s, at = t * in.neurons + first;
    if (t >= in.steps) continue;
    if (args.grad_in.trace != nullptr) {
      const Pack<R, lanes> trace = load_once<R, lanes>(args.grad_in.trace + at);
#pragma unroll
      for (int i = 0; i < lanes; ++i) field<R>(carried.grad.lane[i], 0) += trace.lane[i];
    }
    Pack<R, lanes> grad_x;
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      grad_x.lane[i] = Model::adjoint(params, before[s].lane[i], x[s].lane[i],
                                      grad_out[s].lane[i] + carried.grad_rate.lane[i],
                                      carried.grad.lane[i], carried.learnt[i], slope);
      carried.grad_x_sum.lane[i] += grad_x.lane[i];
    }
    if (args.grad_out.x != nullptr && !in.static_input)
      store<R, lanes>(args.grad_out.x + at, grad_x);
  }
}

template <class Model, class Slope, class R, int lanes>
__device__ __forceinline__ void walk_back(const BackwardArgs<R>& args,
                                          const typename Model::template Params<R>& params,
                                          const Slope& slope, std::int64_t first,
                                          Carried<Model, R, lanes>& carried) {
  constexpr int variables = States<Model, R, lanes>::variables;
  constexpr std::int64_t interval = checkpoint_interval;
  const ScanInput<R>& in = args.in;
  const R zeros[max_states] = {};
  carried.grad.read(args.grad_in.state, zeros, first);
  if (args.grad_in.rate != nullptr) {
    carried.grad_rate = load_once<R, lanes>(args.grad_in.rate + first);
#pragma unroll
    for (int i = 0; i < lanes; ++i) carried.grad_rate.lane[i] /= static_cast<R>(in.steps);
  }
  for (std::int64_t c = (in.steps - 1) / interval; c >= 0; --c) {
    const R* from[max_states] = {};
#pragma unroll
    for (int k = 0; k < variables; ++k)
      from[k] = c == 0 ? in.state[k] : checkpoint(in.checkpoints, c - 1, k, variables, in.neurons);
    States<Model, R, lanes> state;
    state.read(from, in.program.rest, first);
    walk_interval<Model, Slope, R, lanes>(args, params, slope, state, c * interval, first, carried);
  }
  if (in.static_input && args.grad_out.x != nullptr)
    store<R, lanes>(args.grad_out.x + first, carried.grad_x_sum);
  carried.grad.write(args.grad_out.state, first);
}

template <class Model, class Slope, class R, int lanes>
// Without a number of blocks ptxas aims at more of them and spills.
__global__ void __launch_bounds__(threads, 2)
    backward(const BackwardArgs<R> args, const typename Model::template Params<R> given,
             const Slope slope) {
  using Learnable = typename Model::template Learnable<R>;
  const std::int64_t first = first_neuron<lanes>();
  Carried<Model, R, lanes> carried{};
  if (first < args.in.neurons)
    walk_back<Model, Slope, R, lanes>(args, learned<Model, R>(given, args.in.learnables), slope,
                                      first, carried);
  constexpr int learnables = count_of<Learnable, R>;
  if constexpr (learnables > 0) {
    if (args.shares == nullptr) return;
#pragma unroll
    for (int l = 0; l < learnables; ++l) {
      double sum = 0;
#pragma unroll
      for (int i = 0; i < lanes; ++i) sum += static_cast<double>(field<R>(carried.learnt[i], l));
      const double total = block_sum(sum);
      if (threadIdx.x == 0) args.shares[blockIdx.x * learnables + l] = total;
    }
  }
}

// --- launching ----------------------------------------------------------------------------------

/// Neurons that keep a device busy although threads take several.
inline constexpr std::int64_t enough_neurons = 1 << 16;

/// Neurons of a thread of the backward pass, whose registers hold an interval of each: more would
/// leave room for too few threads; fewer would have each wait for its own arithmetic (measured).
inline constexpr int backward_lanes = 4;

inline cuda::Grid grid_of(std::int64_t neurons, int lanes) {
  const std::int64_t per_block = static_cast<std::int64_t>(threads) * lanes;
  return {static_cast<unsigned>((neurons + per_block - 1) / per_block), threads};
}

template <class Model, class R>
void launch_forward(Device device, const ScanInput<R>& in, const ScanOutput<R>& out) {
  const auto params = typed<typename Model::template Params<R>>(in.program.params);
  const bool packed = out.words != nullptr;
  const bool many = std::is_same_v<R, float> && in.neurons >= enough_neurons;
  const bool fours = (many || packed) &&
                     cuda::in_packs<R, 4>(in.neurons, {in.x, in.state[0], out.spikes, out.trace,
                                                       out.rate, out.state[0], out.checkpoints});
  RV_CHECK(!packed || (fours && out.columns % 64 == 0),
           "[{}] packed spikes on a CUDA device need rows of a multiple of 64 neurons; got {}.",
           Model::name, out.columns);
  if (fours)
    cuda::launch(Model::name, device, grid_of(in.neurons, 4), forward<Model, R, 4>, in, out,
                 params);
  else
    cuda::launch(Model::name, device, grid_of(in.neurons, 1), forward<Model, R, 1>, in, out,
                 params);
}

template <class Model, class Slope, class R>
void launch_backward(Device device, const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
                     const ScanGradOutput<R>& grad_out) {
  constexpr int learnables = count_of<typename Model::template Learnable<R>, R>;
  const auto params = typed<typename Model::template Params<R>>(in.program.params);
  const auto slope = typed<Slope>(in.program.slope);
  const bool several =
      std::is_same_v<R, float> && in.neurons >= enough_neurons &&
      cuda::in_packs<R, backward_lanes>(
          in.neurons, {in.x, in.state[0], in.checkpoints, grad_in.spikes, grad_in.trace,
                       grad_in.rate, grad_in.state[0], grad_out.x, grad_out.state[0]});
  const cuda::Grid grid = grid_of(in.neurons, several ? backward_lanes : 1);
  const bool learns = learnables > 0 && grad_out.learnables != nullptr;
  const Storage shares(learns ? grid.blocks * learnables * sizeof(double) : 0, device);
  const BackwardArgs<R> args{in, grad_in, grad_out,
                             learns ? reinterpret_cast<double*>(shares.data()) : nullptr};
  if constexpr (std::is_same_v<R, float>)
    if (several)
      cuda::launch(Model::name, device, grid, backward<Model, Slope, R, backward_lanes>, args,
                   params, slope);
  if (!several)
    cuda::launch(Model::name, device, grid, backward<Model, Slope, R, 1>, args, params, slope);
  if (learns)
    cuda::launch(Model::name, device, {1, static_cast<unsigned>(learnables)}, add_shares,
                 args.shares, grid.blocks, learnables, grad_out.learnables);
}

/// The launchers of every model with every surrogate.
template <class R>
struct ScanTable {
  ScanForwardKernel<R>* forward[AllNeurons::size];
  ScanBackwardKernel<R>* backward[AllNeurons::size][AllSurrogates::size];
};

template <class R>
constexpr ScanTable<R> scan_table() {
  ScanTable<R> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    table.forward[model] = launch_forward<Model, R>;
    AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
      using Used = std::conditional_t<Model::spiking, Surrogate, surrogate::StraightThrough>;
      table.backward[model][surrogate] =
          launch_backward<Model, typename Used::template Slope<R>, R>;
    });
  });
  return table;
}

template <class R>
inline constexpr ScanTable<R> table = scan_table<R>();

template <class R>
void run_forward(Device device, const ScanInput<R>& in, const ScanOutput<R>& out) {
  if (in.neurons > 0) table<R>.forward[in.program.model](device, in, out);
}

template <class R>
void run_backward(Device device, const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
                  const ScanGradOutput<R>& grad_out) {
  if (in.neurons > 0)
    table<R>.backward[in.program.model][in.program.surrogate](device, in, grad_in, grad_out);
}

}  // namespace ranvier::neurons::device
