// A scan in parts: its passes through time, and its node on the tape.
#pragma once

#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/detail/scan_op.h"
#include "ranvier/ops/neurons/detail/state_passage.h"

namespace ranvier::neurons {

/// One scan of what was checked, and the memory it writes to: x and spikes are stored as S, all
/// else as R, which is computed with.
template <class R, class S = R>
class ScanRun {
 public:
  ScanRun(const Neuron& neuron, const Tensor& x, const ScanOptions& options);

  /// From `state`, or at rest from what the relay of the options has.
  void forward(const NeuronState& state);
  /// As above, and leaves what `repair` needs.
  void forward_with_checkpoints(const NeuronState& state);
  /// After `forward_with_checkpoints`: makes the results those from `state`. Returns how many steps
  /// of a neuron were done again.
  std::int64_t repair(const NeuronState& state);

  /// The results of the last run, on the tape if a gradient is needed.
  ScanResult record();

 private:
  ScanInput<R, S> input() const;
  ScanOutput<R, S> output();
  void make_checkpoints();

  const Neuron neuron_;
  const Tensor x_;
  const ScanOptions options_;
  const Extent extent_;
  ScanResult result_;
  std::vector<Tensor> first_, last_;  // the state's variables before and after; undefined at rest
  Tensor checkpoints_;
};

}  // namespace ranvier::neurons
