#include "ranvier/layers/neurons.h"

#include "ranvier/core/tape.h"
#include "ranvier/layers/shard_context.h"
#include "ranvier/ops/neurons/speculative_scan.h"

namespace ranvier {

NeuronLayer::NeuronLayer(Neuron model, NeuronLayerOptions options)
    : neuron(std::move(model)), steps(options.steps) {
  RV_CHECK(steps >= 0, "[{}] steps must be >= 0 (0: the input has a time axis); got {}.",
           neuron.name(), steps);
}

Shard NeuronLayer::run(const Tensor& x, const State& state, bool packed) const {
  ScanOptions options{.steps = steps_here(steps), .packed = packed, .final_state = state.keep};
  if (Speculation* const counts = speculation_for(neuron, x.device())) {
    options.final_state = state_wanted(state);
    return speculate(x, state, options, *counts);
  }
  options.relay = state_relay(state);
  ScanResult result = scan(neuron, x, to_neuron_state(state), options);
  return {std::move(result.spikes), kept_state(state, result.state)};
}

Shard NeuronLayer::speculate(const Tensor& x, const State& state, const ScanOptions& options,
                             Speculation& counts) const {
  const bool learns = grad_needed({x}) || grad_needed(neuron.learnables);
  const auto before = [&] { return state_before(state, learns, neuron.states(), x, steps > 0); };
  ScanResult result;
  if (begins_early(x.device())) {
    SpeculativeScan early(neuron, x, {}, options);
    RepairedScan repaired = early.finish(before());
    counts.scanned += repaired.scanned;
    counts.repaired += repaired.repaired;
    result = std::move(repaired.result);
  } else {
    result = scan(neuron, x, before(), options);
  }
  return {std::move(result.spikes), state_after(state, learns, result.state)};
}

void NeuronLayer::visit(Visitor& visitor) { visit_learnables(neuron, visitor); }

void visit_learnables(Neuron& neuron, Visitor& visitor) {
  for (std::size_t i = 0; i < neuron.learnables.size(); ++i)
    visitor.parameter(neuron.learnable_names()[i], neuron.learnables[i]);
}

NeuronState to_neuron_state(const State& state) {
  RV_CHECK(state.children.empty(),
           "[state] one layer was given the state of a network of {} parts.",
           state.children.size());
  return state.tensors.empty() ? NeuronState() : NeuronState(state.tensors);
}

State to_state(const NeuronState& state) { return {.tensors = state.variables()}; }

State kept_state(const State& given, const NeuronState& after) {
  return given.keep ? to_state(after) : State::whole_sequence();
}

}  // namespace ranvier
