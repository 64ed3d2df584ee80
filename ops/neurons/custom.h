// Neurons from outside the library: include this, write a model like those beside it, and
//
//   Neuron neuron = custom_neuron<MyModel>({.tau = 5.0}, surrogate::ATan{});
//
// runs in the engine like the library's own. A model has `Options`, `name`, `spiking` (true: all it
// puts out is 0 or 1), templates `Params`, `State`, `Learnable` over the number type, and the
// functions `params`, `rest`, `step` and `adjoint`; one with learnable scalars adds
// `learnable_names`, `initial` and `learn`. State and learnables hold at most four scalars each,
// Params sixteen. Its loops are compiled with the flags of the file that instantiates them.
#pragma once

#include "ranvier/ops/neurons/neuron.h"
#include "ranvier/ops/neurons/rows.h"

namespace ranvier {

/// A neuron of `Model` with `surrogate`, one of the library's or a type made like them.
template <class Model, class SurrogateType>
Neuron custom_neuron(const typename Model::Options& options, const SurrogateType& surrogate) {
  using Slope32 = typename SurrogateType::template Slope<float>;
  using Slope64 = typename SurrogateType::template Slope<double>;
  namespace rows = neurons::RV_ISA_NAMESPACE;
  return Neuron(neurons::describe<Model>(options, surrogate,
                                         rows::row_kernels<Model, Slope32, float>(),
                                         rows::row_kernels<Model, Slope64, double>()));
}

}  // namespace ranvier
