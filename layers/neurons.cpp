#include "ranvier/layers/neurons.h"

#include "ranvier/layers/shard_context.h"
#include "ranvier/ops/neurons/speculative_scan.h"

namespace ranvier {

NeuronLayer::NeuronLayer(Neuron model, NeuronLayerOptions options)
    : neuron(std::move(model)), steps(options.steps) {
  RV_CHECK(steps >= 0, "[{}] steps must be >= 0 (0: the input has a time axis); got {}.",
           neuron.name(), steps);
}

Shard NeuronLayer::run(const Tensor& x, const State& state, bool packed) const {
  const ScanOptions options{
      .steps = steps_here(steps), .packed = packed, .final_state = state_wanted(state)};
  const auto before = [&] { return state_before(state, neuron.states(), x, steps > 0); };
  ScanResult result;
  if (Speculation* const speculation = speculation_for(neuron, x.device())) {
    SpeculativeScan early(neuron, x, {}, options);
    RepairedScan repaired = early.finish(before());
    speculation->scanned += repaired.scanned;
    speculation->repaired += repaired.repaired;
    result = std::move(repaired.result);
  } else {
    result = scan(neuron, x, before(), options);
  }
  return {std::move(result.spikes), state_after(state, result.state)};
}

void NeuronLayer::visit(Visitor& visitor) { visit_learnables(neuron, visitor); }

void visit_learnables(Neuron& neuron, Visitor& visitor) {
  for (std::size_t i = 0; i < neuron.learnables.size(); ++i)
    visitor.parameter(neuron.learnable_names()[i], neuron.learnables[i]);
}

NeuronState to_neuron_state(const State& state) {
  return state.tensors.empty() ? NeuronState() : NeuronState(state.tensors);
}

State to_state(const NeuronState& state) { return {.tensors = state.variables()}; }

}  // namespace ranvier
