#include "ranvier/ops/neurons/speculative_scan.h"

#include <memory>

#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/neurons/detail/scan_op.h"
#include "ranvier/ops/neurons/detail/scan_run.h"

namespace ranvier {

using namespace neurons;

SpeculativeScan::SpeculativeScan(const Neuron& neuron, const Tensor& given,
                                 const NeuronState& guess, const ScanOptions& options) {
  const Tensor x = widened(given);
  const Extent extent = extent_of(neuron, x, options.steps);
  check_scan(neuron, x, guess, extent);
  if (options.packed) check_packed(neuron, extent);
  RV_CHECK(!options.rate, "[{}] a scan that begins from a guess gives no rate.", neuron.name());
  RV_CHECK(options.relay == nullptr, "[{}] a scan that begins from a guess takes its state whole.",
           neuron.name());
  const std::int64_t scanned = extent.sequence.numel();
  detail::visit_real(neuron.name().c_str(), x.dtype(), [&]<class R>(detail::Type<R>) {
    const auto run = std::make_shared<ScanRun<R>>(neuron, x, options);
    run->forward_with_checkpoints(guess);
    finish_ = [=](const NeuronState& state) -> RepairedScan {
      check_scan(neuron, x, state, extent);
      const std::int64_t repaired = run->repair(state);
      return {run->record(), scanned, repaired};
    };
  });
}

bool SpeculativeScan::can_pay(Device device, std::int64_t steps) {
  return device == cpu_device && checkpoint_count(steps) > 0;
}

RepairedScan SpeculativeScan::finish(const NeuronState& state) { return finish_(state); }

}  // namespace ranvier
