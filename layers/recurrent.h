// Neurons that hear each other, as a layer.
#pragma once

#include "ranvier/layers/any_module.h"
#include "ranvier/ops/neurons/recurrent_scan.h"

namespace ranvier {

struct RecurrentOptions {
  std::int64_t features;  ///< neurons, the last axis
};

/// Neurons of one model over a shard of time that hear, besides x, the spikes of all neurons of
/// their sample at the step before: ([T, ..., features], state) -> ([T, ..., features], state').
/// The state holds the neuron's variables and the last spikes. Weights begin uniform in
/// +-1/sqrt(features), as those of `Linear`. Error: features < 1.
struct Recurrent {
  static constexpr std::string_view kind = "Recurrent";

  Recurrent(Neuron neuron, RecurrentOptions options);
  Shard operator()(const Tensor& x, const State& state) const { return run(x, state, false); }
  /// All of time in one shard from rest.
  Tensor operator()(const Tensor& x) const { return (*this)(x, State::whole_sequence()).output; }
  /// As above; `packed` spikes are bits, for the layers that take them.
  Shard run(const Tensor& x, const State& state, bool packed) const;
  void visit(Visitor& visitor);
  /// Multiply-adds for one sample of `output` (without its leading axes `[T, B]`).
  std::int64_t multiply_adds(const Shape& output) const;

  Tensor recurrent_weight;  ///< [features, features], from neuron i to neuron j at [i, j]
  Neuron neuron;
};

/// The neurons of a layer that consists of some, recurrent or not; null for other modules.
const Neuron* neurons_of(AnyModule& module);

}  // namespace ranvier
