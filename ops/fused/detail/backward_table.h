// Launches the backward kernel of a neuron: a file for each number type names `launch_backward`.
#pragma once

#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/fused/detail/backward_device.h"
#include "ranvier/ops/neurons/detail/slopes.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {

using neurons::slope_of;
using neurons::device::typed;

template <Shown shown, class Model, class Slope, int lanes, class S>
void launch_kernel(Device device, const BackwardArgs<S>& args) {
  const cuda::Grid grid{args.layout.blocks(), backward_threads};
  cuda::launch(op, device, grid, backward<shown, Model, Slope, S, lanes>, args,
               typed<typename Model::template Params<Computed<S>>>(args.in.program.params),
               slope_of<Slope>(args.in.program));
}

template <class Model, class Slope, class S>
void launch_fours(Device device, const BackwardArgs<S>& args) {
  if (args.in.static_input)
    launch_kernel<Shown::still, Model, Slope, 4>(device, args);
  else
    launch_kernel<Shown::moving, Model, Slope, 4>(device, args);
}

template <class S>
using BackwardLauncher = void(Device device, const BackwardArgs<S>& args);

/// The launchers of every model that has kernels: with four channels a thread one for each
/// surrogate, with one channel, which is seldom, one for all. Null where there are none.
template <class S>
struct BackwardTable {
  BackwardLauncher<S>* fours[AllNeurons::size][AllSurrogates::size];
  BackwardLauncher<S>* ones[AllNeurons::size];
};

template <class S>
constexpr BackwardTable<S> backward_table() {
  using R = Computed<S>;
  BackwardTable<S> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    if constexpr (has_kernels<Model, S> && !std::is_same_v<S, double>)  // four of f64 would not fit
      AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
        using Slope = neurons::SlopeOf<Model, Surrogate, R>;
        table.fours[model][surrogate] = launch_fours<Model, Slope, S>;
      });
    if constexpr (std::is_same_v<S, R>)
      table.ones[model] = launch_kernel<Shown::either, Model, neurons::AnySlope<R>, 1, S>;
  });
  return table;
}

template <class S>
inline constexpr BackwardTable<S> table = backward_table<S>();

template <class S>
void launch_backward(Device device, const BackwardArgs<S>& args, bool fours) {
  const int model = args.in.program.model;
  if (fours) return table<S>.fours[model][args.in.program.surrogate](device, args);
  if (table<S>.ones[model] == nullptr) refuse_address();
  table<S>.ones[model](device, args);
}

}  // namespace ranvier::fused::device
