#include "ranvier/ops/neurons/detail/scan_op.h"

#include <string_view>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier::neurons {

Extent extent_of(const Neuron& neuron, const Tensor& x, std::int64_t steps) {
  RV_CHECK(steps >= 0, "[{}] steps must be >= 1 for a static input, or 0; got {}.", neuron.name(),
           steps);
  if (steps > 0) return {steps, x.shape(), Shape{steps}.concat(x.shape())};
  RV_CHECK(x.rank() >= 1 && x.size(0) >= 1,
           "[{}] x must be [T, ...] with T >= 1, or static with steps >= 1; its shape is {}.",
           neuron.name(), x.shape());
  return {x.size(0), x.shape().sub(1, x.rank()), x.shape()};
}

namespace {
void check_devices(const Neuron& neuron, const Tensor& x, const NeuronState& state) {
  const auto check = [&](std::string_view what, const Tensor& tensor) {
    if (tensor.device() != x.device())
      fail(ErrorCode::device, "[{}] {} is on {} and x on {}; all must be on one device.",
           neuron.name(), what, tensor.device(), x.device());
  };
  for (const Tensor& variable : state.variables()) check("the state", variable);
  for (std::size_t i = 0; i < neuron.learnables.size(); ++i)
    check(neuron.learnable_names()[i], neuron.learnables[i]);
  if (x.device() == cpu_device) return;
  const DType computed = detail::computed_dtype(x.dtype());
  if (neuron.description().f32.model < 0)
    fail(ErrorCode::device,
         "[{}] a neuron that is defined outside the library has no kernel for {}; add it to "
         "AllNeurons.",
         neuron.name(), x.device());
  for (const Tensor& learnable : neuron.learnables)
    RV_CHECK(learnable.dtype() == computed,
             "[{}] learnables must be {} on {} with x of {}; got {}.", neuron.name(), computed,
             x.device(), x.dtype(), learnable.dtype());
}
}  // namespace

void check_scan(const Neuron& neuron, const Tensor& x, const NeuronState& state,
                const Extent& extent) {
  const DType computed = detail::computed_dtype(x.dtype());
  RV_CHECK(computed == DType::f32 || computed == DType::f64,
           "[{}] x must be f32 or f64, or of 16-bit floats; got {}.", neuron.name(), x.dtype());
  const std::size_t count = state.variables().size();
  RV_CHECK(count == 0 || count == static_cast<std::size_t>(neuron.states()),
           "[{}] the state must have {} variables; got {}.", neuron.name(), neuron.states(), count);
  for (const Tensor& variable : state.variables())
    RV_CHECK(variable.shape() == extent.step && variable.dtype() == computed,
             "[{}] the state must be {} {}, as one step of x; got {} {}.", neuron.name(), computed,
             extent.step, variable.dtype(), variable.shape());
  RV_CHECK(neuron.learnables.size() == neuron.learnable_names().size(),
           "[{}] the neuron learns {} scalars; it has {} tensors of them.", neuron.name(),
           neuron.learnable_names().size(), neuron.learnables.size());
  for (std::size_t i = 0; i < neuron.learnables.size(); ++i)
    RV_CHECK(neuron.learnables[i].numel() == 1, "[{}] {} must have one element; its shape is {}.",
             neuron.name(), neuron.learnable_names()[i], neuron.learnables[i].shape());
  check_devices(neuron, x, state);
}

void check_relay(const Neuron& neuron, const NeuronState& state, const StateRelay* relay) {
  RV_CHECK(relay == nullptr || state.at_rest(),
           "[{}] a sequence that ranks share begins at rest, as its state is theirs.",
           neuron.name());
}

void check_packed(const Neuron& neuron, const Extent& extent) {
  RV_CHECK(neuron.spiking(), "[{}] packed needs spikes; this neuron's output is real-valued.",
           neuron.name());
  RV_CHECK(extent.step.rank() >= 1,
           "[{}] packed needs an axis of neurons; the spikes' shape is {}.", neuron.name(),
           extent.sequence);
}

std::vector<Tensor> variables_of(const NeuronState& state, int count) {
  return state.at_rest() ? std::vector<Tensor>(static_cast<std::size_t>(count)) : state.variables();
}

std::vector<Tensor> inputs_of(const Neuron& neuron, const Tensor& x,
                              const std::vector<Tensor>& state) {
  std::vector<Tensor> inputs{x};
  inputs.insert(inputs.end(), state.begin(), state.end());
  inputs.insert(inputs.end(), neuron.learnables.begin(), neuron.learnables.end());
  return inputs;
}

std::vector<Tensor> learnable_gradients(const std::vector<Tensor>& learnables, const Tensor& sums) {
  std::vector<Tensor> gradients;
  for (std::size_t l = 0; l < learnables.size(); ++l) {
    const auto at = static_cast<std::int64_t>(l);
    gradients.push_back(
        reshape(slice(sums, 0, at, at + 1), learnables[l].shape()).to(learnables[l].dtype()));
  }
  return gradients;
}

}  // namespace ranvier::neurons
