// Launches the backward kernel of a neuron: a file for each number type names `launch_backward`.
#pragma once

#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/fused/detail/backward_device.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {

using neurons::device::typed;

template <class Model, class Slope, class S>
void launch_kernel(Device device, const BackwardArgs<S>& args, bool fours) {
  using R = Computed<S>;
  const auto params = typed<typename Model::template Params<R>>(args.in.program.params);
  const auto slope = typed<Slope>(args.in.program.slope);
  const cuda::Grid grid{args.layout.blocks(), backward_threads};
  const auto run = [&](auto kernel) {
    cuda::launch(op, device, grid, kernel, args, params, slope);
  };
  if constexpr (!std::is_same_v<S, double>) {  // four of f64 would not fit the registers
    if (fours && args.in.static_input) return run(backward<Shown::still, Model, Slope, S, 4>);
    if (fours) return run(backward<Shown::moving, Model, Slope, S, 4>);
  }
  if constexpr (std::is_same_v<S, R>)
    run(backward<Shown::either, Model, Slope, S, 1>);
  else
    refuse_address();
}

template <class S>
using BackwardLauncher = void(Device device, const BackwardArgs<S>& args, bool fours);

/// The launchers of every model with every surrogate.
template <class S>
struct BackwardTable {
  BackwardLauncher<S>* at[AllNeurons::size][AllSurrogates::size];
};

template <class S>
constexpr BackwardTable<S> backward_table() {
  BackwardTable<S> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
      using Used = std::conditional_t<Model::spiking, Surrogate, surrogate::StraightThrough>;
      table.at[model][surrogate] =
          launch_kernel<Model, typename Used::template Slope<Computed<S>>, S>;
    });
  });
  return table;
}

template <class S>
inline constexpr BackwardTable<S> table = backward_table<S>();

template <class S>
void launch_backward(Device device, const BackwardArgs<S>& args, bool fours) {
  table<S>.at[args.in.program.model][args.in.program.surrogate](device, args, fours);
}

}  // namespace ranvier::fused::device
