// What the operations on neurons share: extents, checks, and a neuron's values for an engine.
#pragma once

#include <type_traits>
#include <vector>

#include "ranvier/ops/neurons/scan.h"

namespace ranvier::neurons {

/// The extents of a scan.
struct Extent {
  std::int64_t steps;
  Shape step;      ///< of one time step
  Shape sequence;  ///< [steps, step...]
};

/// Error: `steps` < 0, or x without a time axis although `steps` is 0.
Extent extent_of(const Neuron& neuron, const Tensor& x, std::int64_t steps);

/// Error unless x, state and learnables are what `neuron` can run on.
void check_scan(const Neuron& neuron, const Tensor& x, const NeuronState& state,
                const Extent& extent);
/// Error if there are both a state and a relay.
void check_relay(const Neuron& neuron, const NeuronState& state, const StateRelay* relay);
/// Error unless the output of `neuron` can be packed.
void check_packed(const Neuron& neuron, const Extent& extent);

/// The state's `count` variables, undefined at rest.
std::vector<Tensor> variables_of(const NeuronState& state, int count);
/// x, the state's variables, the learnables: the inputs of the tape's node, in this order.
std::vector<Tensor> inputs_of(const Neuron& neuron, const Tensor& x,
                              const std::vector<Tensor>& state);

/// `neuron` with the values its learnables have now, unless those are on a CUDA device, where
/// kernels read them (`learnables_of`).
template <class R>
Program<R> program_of(const Neuron& neuron) {
  Program<R> program;
  if constexpr (std::is_same_v<R, float>)
    program = neuron.description().f32;
  else
    program = neuron.description().f64;
  if (neuron.learnables.empty() || neuron.learnables[0].device() != cpu_device) return program;
  R values[max_learnables] = {};
  for (std::size_t i = 0; i < neuron.learnables.size(); ++i)
    values[i] = static_cast<R>(neuron.learnables[i].item());
  program.learn(program.params, values);
  return program;
}

/// The array of a tensor on any device; null if it is undefined. For tensors that were checked.
template <class R>
const R* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? reinterpret_cast<const R*>(tensor.raw_data()) : nullptr;
}
template <class R>
R* mutable_data_or_null(Tensor& tensor) {
  return tensor.defined() ? reinterpret_cast<R*>(tensor.mutable_raw_data()) : nullptr;
}

/// What a neuron learns, as arrays of one element; `R` is their dtype.
template <class R>
void learnables_of(const std::vector<Tensor>& learnables, const R* (&pointers)[max_learnables]) {
  for (std::size_t l = 0; l < learnables.size(); ++l) pointers[l] = data_or_null<R>(learnables[l]);
}

/// The gradients of learnables from their sums, f64 [count] on the learnables' device.
std::vector<Tensor> learnable_gradients(const std::vector<Tensor>& learnables, const Tensor& sums);

}  // namespace ranvier::neurons
