// The CUDA engine: the functors that the CPU's loops use, in kernels of one thread per one or four
// neurons. Included by a file for each type that x and spikes are stored as.
#pragma once

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/neurons/detail/scan_backward_device.h"
#include "ranvier/ops/neurons/detail/scan_forward_device.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::neurons::device {

/// Neurons that keep a device busy although threads take several.
inline constexpr std::int64_t enough_neurons = 1 << 16;
/// Blocks that every multiprocessor gets some of.
inline constexpr std::int64_t enough_blocks = 256;

/// Neurons of a thread where there are many. More would leave room for too few threads; fewer would
/// have each wait for its own arithmetic (measured).
template <class R>
inline constexpr int many_lanes = sizeof(R) == sizeof(float) ? 4 : 1;
/// And where there are few: the more threads, the sooner.
inline constexpr int few_lanes = 1;

/// Blocks of `most` threads, of fewer where those would leave multiprocessors idle, that have
/// `thread_bytes` of shared memory each.
inline cuda::Grid grid_of(std::int64_t neurons, int lanes, int most, int thread_bytes) {
  const std::int64_t count = (neurons + lanes - 1) / lanes;
  std::int64_t size = most;
  while (size > 32 && count < size * enough_blocks) size /= 2;
  return {static_cast<unsigned>((count + size - 1) / size), static_cast<unsigned>(size),
          static_cast<std::size_t>(size * thread_bytes)};
}

template <class Model, class S, class R, int lanes>
void launch_forward_of(Device device, const ScanInput<R, S>& in, const ScanOutput<R, S>& out) {
  const auto params = typed<typename Model::template Params<R>>(in.program.params);
  const bool spikes_only =
      out.spikes != nullptr && out.words == nullptr && out.trace == nullptr && out.rate == nullptr;
  cuda::launch(Model::name, device,
               grid_of(in.neurons, lanes, threads, StepStream<S, lanes>::thread_bytes),
               spikes_only ? forward<Model, S, R, lanes, true> : forward<Model, S, R, lanes, false>,
               in, out, params);
}

template <class Model, class S, class R>
void launch_forward(Device device, const ScanInput<R, S>& in, const ScanOutput<R, S>& out) {
  constexpr int many = many_lanes<R>, few = few_lanes;
  const bool packed = out.words != nullptr;
  const bool fours =
      many == 4 && (in.neurons >= enough_neurons || packed) &&
      cuda::in_packs<S, many>(in.neurons, {in.x, out.spikes}) &&
      cuda::in_packs<R, many>(in.neurons, {in.state[0], in.state[1], out.trace, out.rate,
                                           out.state[0], out.state[1], out.checkpoints});
  RV_CHECK(!packed || out.columns % 64 == 0,
           "[{}] packed spikes on a CUDA device need rows of a multiple of 64 neurons; got {}.",
           Model::name, out.columns);
  if (fours)
    launch_forward_of<Model, S, R, many>(device, in, out);
  else
    launch_forward_of<Model, S, R, few>(device, in, out);
}

template <class Model, class Slope, class S, class R, int lanes>
void launch_backward_of(Device device, const ScanInput<R, S>& in,
                        const ScanGradInput<R, S>& grad_in, const ScanGradOutput<R, S>& grad_out) {
  constexpr int learnables = count_of<typename Model::template Learnable<R>, R>;
  const cuda::Grid grid = grid_of(in.neurons, lanes, backward_threads,
                                  IntervalStream<Model, S, R, lanes>::thread_bytes);
  const bool learns = learnables > 0 && grad_out.learnables != nullptr;
  const Storage shares(learns ? grid.blocks * learnables * sizeof(double) : 0, device);
  const BackwardArgs<R, S> args{in, grad_in, grad_out,
                                learns ? reinterpret_cast<double*>(shares.data()) : nullptr};
  cuda::launch(Model::name, device, grid, backward<Model, Slope, S, R, lanes>, args,
               typed<typename Model::template Params<R>>(in.program.params),
               slope_of<Slope>(in.program));
  if (learns)
    cuda::launch(Model::name, device, {static_cast<unsigned>(learnables), threads}, add_shares,
                 args.shares, grid.blocks, grad_out.learnables);
}

template <class Model, class Slope, class S, class R>
void launch_backward(Device device, const ScanInput<R, S>& in, const ScanGradInput<R, S>& grad_in,
                     const ScanGradOutput<R, S>& grad_out) {
  constexpr int many = many_lanes<R>, few = few_lanes;
  const bool fours =
      many == 4 && in.neurons >= enough_neurons &&
      cuda::in_packs<S, many>(in.neurons, {in.x, grad_in.spikes, grad_out.x}) &&
      cuda::in_packs<R, many>(
          in.neurons, {in.state[0], in.state[1], in.checkpoints, grad_in.trace, grad_in.rate,
                       grad_in.state[0], grad_in.state[1], grad_out.state[0], grad_out.state[1]});
  if (fours)
    launch_backward_of<Model, Slope, S, R, many>(device, in, grad_in, grad_out);
  else
    launch_backward_of<Model, Slope, S, R, few>(device, in, grad_in, grad_out);
}

/// The launchers of every model with every surrogate; those of readouts only for results that are
/// computed in.
template <class R, class S>
struct ScanTable {
  ScanForwardKernel<R, S>* forward[AllNeurons::size];
  ScanBackwardKernel<R, S>* backward[AllNeurons::size][AllSurrogates::size];
};

template <class R, class S>
constexpr ScanTable<R, S> scan_table() {
  ScanTable<R, S> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    if constexpr (Model::spiking || std::is_same_v<R, S>) {
      table.forward[model] = launch_forward<Model, S, R>;
      AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
        table.backward[model][surrogate] =
            launch_backward<Model, DeviceSlope<Model, Surrogate, R>, S, R>;
      });
    }
  });
  return table;
}

template <class R, class S>
inline constexpr ScanTable<R, S> table = scan_table<R, S>();

template <class R, class S>
void run_forward(Device device, const ScanInput<R, S>& in, const ScanOutput<R, S>& out) {
  if (in.neurons > 0) table<R, S>.forward[in.program.model](device, in, out);
}

template <class R, class S>
void run_backward(Device device, const ScanInput<R, S>& in, const ScanGradInput<R, S>& grad_in,
                  const ScanGradOutput<R, S>& grad_out) {
  if (in.neurons > 0)
    table<R, S>.backward[in.program.model][in.program.surrogate](device, in, grad_in, grad_out);
}

}  // namespace ranvier::neurons::device
