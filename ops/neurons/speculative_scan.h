// A scan that begins before its state is known.
//
// It starts from a guess at once. When the true state is there, it starts again, but only until
// the neurons have the very states they had the first time: a spike sets the membrane to v_reset
// whatever it was, and a leak forgets, so two starts soon give the same steps, to the last bit
// (docs/decisions/0025-speculation.md). Neurons that never do so are scanned twice.
#pragma once

#include <cstdint>
#include <functional>

#include "ranvier/ops/neurons/scan.h"

namespace ranvier {

/// What `scan` gives, and how much had to be done twice for it.
struct RepairedScan {
  ScanResult result;
  std::int64_t scanned = 0;   ///< steps times neurons
  std::int64_t repaired = 0;  ///< of them, done again because the guess was wrong
};

/// `finish(state)` equals `scan(neuron, x, state, options)` bit for bit, on the tape as well.
class SpeculativeScan {
 public:
  /// Scans x from `guess`, as `scan` does, outside the tape. Errors: those of `scan`; a rate is
  /// asked for, or there is a relay.
  SpeculativeScan(const Neuron& neuron, const Tensor& x, const NeuronState& guess,
                  const ScanOptions& options);
  /// Once: repairs the scan to that from `state`.
  RepairedScan finish(const NeuronState& state);

  /// Whether a repair can be less than a second scan: there are kernels for `device`, and enough
  /// steps to stop before the last.
  static bool can_pay(Device device, std::int64_t steps);

 private:
  std::function<RepairedScan(const NeuronState&)> finish_;
};

}  // namespace ranvier
