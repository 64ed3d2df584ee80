// Neuron layers: the neurons of ops/neurons as modules.
#pragma once

#include "ranvier/layers/module.h"
#include "ranvier/ops/neurons/scan.h"

namespace ranvier {

struct Speculation;

/// When and how a neuron layer runs.
struct NeuronLayerOptions {
  /// 0: the input has a time axis. T >= 1: the input is static and is shown for T steps; the
  /// first neuron layer of a network for images.
  std::int64_t steps = 0;
};

/// Neurons of one model over a shard of time: ([T, ...], state) -> ([T, ...] spikes, state').
struct NeuronLayer {
  static constexpr std::string_view kind = "Neuron";

  NeuronLayer(Neuron neuron, NeuronLayerOptions options);
  Shard operator()(const Tensor& x, const State& state) const { return run(x, state, false); }
  /// All of time in one shard from rest.
  Tensor operator()(const Tensor& x) const { return (*this)(x, State::whole_sequence()).output; }
  /// As above; `packed` spikes are bits, for the layers that take them.
  Shard run(const Tensor& x, const State& state, bool packed) const;
  void visit(Visitor& visitor);

  Neuron neuron;
  std::int64_t steps;

 private:
  Shard speculate(const Tensor& x, const State& state, const ScanOptions& options,
                  Speculation& counts) const;
};

/// Integrate and fire: h = v + x.
inline NeuronLayer IF(IFOptions model = {}, NeuronLayerOptions options = {}) {
  return {model, options};
}
/// Leaky integrate and fire, SpikingJelly's LIFNode.
inline NeuronLayer LIF(LIFOptions model = {}, NeuronLayerOptions options = {}) {
  return {model, options};
}
/// LIF with a learnable time constant (Fang et al. 2021), SpikingJelly's ParametricLIFNode.
inline NeuronLayer ParametricLIF(ParametricLIFOptions model = {}, NeuronLayerOptions options = {}) {
  return {model, options};
}
/// LIF whose threshold rises with its spikes, Sinabs' ALIF.
inline NeuronLayer ALIF(ALIFOptions model = {}, NeuronLayerOptions options = {}) {
  return {model, options};
}
/// LIF behind a current that fades, Norse's LIF.
inline NeuronLayer CubaLIF(CubaLIFOptions model = {}, NeuronLayerOptions options = {}) {
  return {model, options};
}
/// snnTorch's Leaky: reset on the next step, spike above (not at) the threshold.
inline NeuronLayer Leaky(LeakyOptions model = {}, NeuronLayerOptions options = {}) {
  return {model, options};
}
/// A readout that integrates and never fires; its output is the membrane.
inline NeuronLayer LeakyIntegrator(LeakyIntegratorOptions model = {},
                                   NeuronLayerOptions options = {}) {
  return {model, options};
}

/// Names what `neuron` learns, for a layer's `visit`.
void visit_learnables(Neuron& neuron, Visitor& visitor);

/// Between a module's state and a neuron's.
NeuronState to_neuron_state(const State& state);
State to_state(const NeuronState& state);
/// `after` for the caller who gave `given`, if it wants that; else one that says it was not kept.
State kept_state(const State& given, const NeuronState& after);

}  // namespace ranvier
