// Neurons over a shard of time: (x[t0:t1], state) -> (spikes[t0:t1], state'), differentiable in
// all four. Cutting [0, T) anywhere and carrying the state gives the same spikes and the same
// gradients of x and state, bit for bit; gradients that are sums over time, of learnables and of a
// static x that several shards show, agree to rounding.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/ops/neurons/neuron.h"
#include "ranvier/ops/neurons/state_relay.h"

namespace ranvier {

/// What neurons remember between two shards of time: one tensor for each state variable, shaped
/// like one step of x, in the dtype that is computed in: that of x, but f32 for 16-bit x. A default
/// `NeuronState` is a neuron at rest.
class NeuronState {
 public:
  NeuronState() = default;
  explicit NeuronState(std::vector<Tensor> variables) : variables_(std::move(variables)) {}
  /// The state of a scan that was not asked for it; an error where it is used.
  static NeuronState not_kept();

  bool at_rest() const { return kept_ && variables_.empty(); }
  /// The state variables, the membrane first; none at rest. Error: the state was not kept.
  const std::vector<Tensor>& variables() const;
  /// The membrane. Error: at rest, or not kept.
  const Tensor& membrane() const;
  /// The same state outside the graph: truncates back-propagation through time.
  NeuronState detach() const;

 private:
  std::vector<Tensor> variables_;
  bool kept_ = true;
};

/// What `scan` reads and writes; whatever is not asked for costs nothing.
struct ScanOptions {
  /// 0: x is [T, ...]. T >= 1: x is one static input [...] shown for T steps; it is read once and
  /// its gradient is summed over time, the repeat never exists.
  std::int64_t steps = 0;
  bool packed = false;       ///< spikes as `DType::bits` instead of numbers
  bool final_state = false;  ///< keep the state after the last step
  bool trace = false;        ///< keep the membrane of each step, after its reset (v_seq)
  bool rate = false;         ///< the mean of the output over time
  /// Where the state comes from and goes to, if others have the steps before and after.
  StateRelay* relay = nullptr;
};

/// What a scan gives; tensors that were not asked for are undefined.
struct ScanResult {
  Tensor spikes;      ///< [T, ...], 0 or 1 (a readout: its real-valued output)
  NeuronState state;  ///< each variable [...]
  Tensor trace;       ///< [T, ...]
  Tensor rate;        ///< [...]
};

/// Runs `neuron` over time on x, [T, ...] or [...] with `steps`, f32, f64 or of 16-bit floats, from
/// `state`. Differentiable in x, the state and the neuron's learnables, through every output. A
/// 16-bit x is computed with in f32, and so are all results; but on CUDA devices spikes have x's
/// dtype, unless there is an odd number of them per step. Errors: any other dtype, a state of
/// another shape or dtype, or a state and a relay; no time axis, steps < 0, packed spikes of a
/// readout.
ScanResult scan(const Neuron& neuron, const Tensor& x, const NeuronState& state = {},
                const ScanOptions& options = {});

}  // namespace ranvier
