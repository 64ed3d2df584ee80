#include "ranvier/layers/recurrent.h"

#include "ranvier/layers/init.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/shard_context.h"

namespace ranvier {

Recurrent::Recurrent(Neuron model, RecurrentOptions options) : neuron(std::move(model)) {
  RV_CHECK(options.features >= 1, "[Recurrent] features must be >= 1; got {}.", options.features);
  recurrent_weight = init_uniform_fan_in({options.features, options.features}, options.features);
}

Shard Recurrent::run(const Tensor& x, const State& state, bool packed) const {
  RecurrentScanResult result =
      recurrent_scan(neuron, x, recurrent_weight, to_neuron_state(state),
                     {.packed = packed, .final_state = state.keep, .relay = state_relay(state)});
  return {std::move(result.spikes), kept_state(state, result.state)};
}

void Recurrent::visit(Visitor& visitor) {
  visitor.parameter("recurrent_weight", recurrent_weight);
  visit_learnables(neuron, visitor);
}

std::int64_t Recurrent::multiply_adds(const Shape&) const { return recurrent_weight.numel(); }

const Neuron* neurons_of(AnyModule& module) {
  if (const NeuronLayer* layer = module.as<NeuronLayer>()) return &layer->neuron;
  if (const Recurrent* layer = module.as<Recurrent>()) return &layer->neuron;
  return nullptr;
}

}  // namespace ranvier
