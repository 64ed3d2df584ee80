#include "ranvier/ops/neurons/scan.h"

#include <algorithm>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
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

namespace {

/// Whether there are kernels for 16-bit x as it is (see `ScanKernels`).
bool scans_16_bit(const Neuron& neuron, const Tensor& x, const NeuronState& state,
                  const neurons::Extent& extent, bool packed) {
  const int lanes = packed ? 4 : 2;
  const auto aligned = [lanes](const Tensor& tensor) {
    const auto pack = static_cast<std::uintptr_t>(lanes * element_size(tensor.dtype()));
    return reinterpret_cast<std::uintptr_t>(tensor.raw_data()) % pack == 0;
  };
  return x.device() != cpu_device && neuron.spiking() && extent.step.numel() % lanes == 0 &&
         aligned(x) && std::ranges::all_of(state.variables(), aligned);
}

}  // namespace

ScanResult scan(const Neuron& neuron, const Tensor& x, const NeuronState& state,
                const ScanOptions& options) {
  const OperationScope operation("scan");
  const neurons::Extent extent = neurons::extent_of(neuron, x, options.steps);
  neurons::check_scan(neuron, x, state, extent);
  neurons::check_relay(neuron, state, options.relay);
  if (options.packed) neurons::check_packed(neuron, extent);
  const bool as_it_is = scans_16_bit(neuron, x, state, extent, options.packed);
  const Tensor scanned = as_it_is ? x : widened(x);
  return detail::visit_floating(
      neuron.name().c_str(), scanned.dtype(), [&]<class S>(detail::Type<S>) {
        neurons::ScanRun<detail::Computed<S>, S> run(neuron, scanned, options);
        run.forward(state);
        return run.record();
      });
}

}  // namespace ranvier
