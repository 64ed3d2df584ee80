// Recurrent neurons over a shard of time: at every step each neuron hears, through a matrix of
// weights, what all neurons of its sample put out at the step before.
#pragma once

#include "ranvier/ops/neurons/scan.h"

namespace ranvier {

/// What `recurrent_scan` writes; whatever is not asked for costs nothing.
struct RecurrentScanOptions {
  bool packed = false;          ///< spikes as `DType::bits` instead of the dtype of x
  bool final_state = false;     ///< keep the state after the last step
  StateRelay* relay = nullptr;  ///< as `ScanOptions::relay`
};

struct RecurrentScanResult {
  Tensor spikes;      ///< [T, ..., N], 0 or 1 (a readout: its real-valued output)
  NeuronState state;  ///< the neuron's variables and, last, the output of the last step
};

/// Runs `neuron` over time on x[t] + spikes[t - 1] W, for x [T, ..., N], f32 or f64, and `weight` W
/// [N, N], the weight from neuron i to neuron j at [i, j]. Spikes before the first step are those
/// of `state`, 0 or 1 as a scan leaves them; at rest there are none. Differentiable in x, W, the
/// state and the neuron's learnables, through every output. Products are of f32 (f64) numbers, also
/// under an `AutocastGuard`; those with spikes are computed event by event. Cutting time anywhere
/// and carrying the state gives the same spikes and the same gradients of x and state, bit for bit,
/// and the same gradients of W and learnables to rounding. Errors: those of `scan`; x without an
/// axis of neurons; a weight of another shape or dtype; a state without the last output.
RecurrentScanResult recurrent_scan(const Neuron& neuron, const Tensor& x, const Tensor& weight,
                                   const NeuronState& state = {},
                                   const RecurrentScanOptions& options = {});

}  // namespace ranvier
