// Launches the backward kernel of a neuron: a file for each number type names `launch_backward`.
#pragma once

#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/fused/detail/backward_device.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {

using neurons::device::typed;

template <class Model, class Slope, class R>
void launch_kernel(Device device, const BackwardArgs<R>& args, bool fours) {
  const auto params = typed<typename Model::template Params<R>>(args.in.program.params);
  const auto slope = typed<Slope>(args.in.program.slope);
  const cuda::Grid grid{args.layout.blocks(), backward_threads};
  const auto run = [&](auto kernel) {
    cuda::launch(op, device, grid, kernel, args, params, slope);
  };
  if constexpr (std::is_same_v<R, float>) {  // four of f64 would not fit the registers
    if (fours && args.in.static_input) return run(backward<Shown::still, Model, Slope, R, 4>);
    if (fours) return run(backward<Shown::moving, Model, Slope, R, 4>);
  }
  run(backward<Shown::either, Model, Slope, R, 1>);
}

template <class R>
using BackwardLauncher = void(Device device, const BackwardArgs<R>& args, bool fours);

/// The launchers of every model with every surrogate.
template <class R>
struct BackwardTable {
  BackwardLauncher<R>* at[AllNeurons::size][AllSurrogates::size];
};

template <class R>
constexpr BackwardTable<R> backward_table() {
  BackwardTable<R> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
      using Used = std::conditional_t<Model::spiking, Surrogate, surrogate::StraightThrough>;
      table.at[model][surrogate] = launch_kernel<Model, typename Used::template Slope<R>, R>;
    });
  });
  return table;
}

template <class R>
inline constexpr BackwardTable<R> table = backward_table<R>();

template <class R>
void launch_backward(Device device, const BackwardArgs<R>& args, bool fours) {
  table<R>.at[args.in.program.model][args.in.program.surrogate](device, args, fours);
}

}  // namespace ranvier::fused::device
