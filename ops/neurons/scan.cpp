#include "ranvier/ops/neurons/scan.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/neurons/detail/scan_op.h"
#include "ranvier/ops/neurons/detail/scan_run.h"

namespace ranvier {

NeuronState NeuronState::not_kept() {
  NeuronState state;
  state.kept_ = false;
  return state;
}

const std::vector<Tensor>& NeuronState::variables() const {
  RV_CHECK(kept_, "[scan] this scan did not keep its state; ask for it with final_state = true.");
  return variables_;
}

const Tensor& NeuronState::membrane() const {
  RV_CHECK(!variables().empty(), "[scan] a state at rest has no membrane tensor.");
  return variables_.front();
}

NeuronState NeuronState::detach() const {
  NeuronState detached = *this;
  for (Tensor& variable : detached.variables_) variable = variable.detach();
  return detached;
}

ScanResult scan(const Neuron& neuron, const Tensor& x, const NeuronState& state,
                const ScanOptions& options) {
  const neurons::Extent extent = neurons::extent_of(neuron, x, options.steps);
  neurons::check_scan(neuron, x, state, extent);
  if (options.packed) neurons::check_packed(neuron, extent);
  return detail::visit_real(neuron.name().c_str(), x.dtype(), [&]<class R>(detail::Type<R>) {
    neurons::ScanRun<R> run(neuron, x, options);
    run.forward(state);
    return run.record(state);
  });
}

}  // namespace ranvier
