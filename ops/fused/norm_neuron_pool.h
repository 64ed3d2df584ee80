// Batch norm -> neuron -> pool as one operation: x is read, the spikes after the pool are written,
// and backward keeps x and nothing between. Spikes are bit for bit those of `batch_norm`, `scan`
// and `max_pool2d` or `avg_pool2d` in turn, gradients are theirs to rounding.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier {

/// What follows the neuron.
enum class SpikePool : std::uint8_t { none, max, average };

struct NormNeuronPoolOptions {
  BatchNormOptions norm =
      {};                  ///< of a static input, step mode is batch mode: its steps are the same
  std::int64_t steps = 0;  ///< as `ScanOptions::steps`
  SpikePool pool = SpikePool::none;
  std::int64_t kernel = 2;   ///< side and stride of the pool's square windows, without padding
  bool packed = false;       ///< spikes as `DType::bits`; not after an average
  bool final_state = false;  ///< keep the state after the last step
  /// As `ScanOptions::relay`; asked once the statistics of x are taken, and in backward before
  /// those of its gradient.
  StateRelay* relay = nullptr;
};

struct NormNeuronPoolResult {
  Tensor spikes;      ///< [T, B, H / kernel, W / kernel, C] with a pool, else [T, ..., C]
  NeuronState state;  ///< each variable shaped like one step of x, before the pool
};

/// Normalises x over its last axis, runs `neuron` on it from `state` and pools its spikes. x is
/// [T, ..., C], or [..., C] with `steps`; with a pool the axes before C are H and W. Differentiable
/// in x, gamma, beta, the state and the neuron's learnables. Of a 16-bit x on a CUDA device the
/// spikes have its dtype if the neuron spikes, channels come in fours and the statistics are not
/// those of single steps; all else of 16 bits is taken as f32. The rest is always of what x is
/// computed in. Errors: those of `batch_norm` and `scan`; too few axes or a window larger than the
/// image; kernel < 1; packed means.
NormNeuronPoolResult norm_neuron_pool(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                      const RunningStatistics& running, const Neuron& neuron,
                                      const NeuronState& state = {},
                                      const NormNeuronPoolOptions& options = {});

}  // namespace ranvier
