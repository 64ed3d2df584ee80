// The engines that run recurrent neurons, which hear each other's last output, over time: one for
// each kind of device.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/platform.h"
#include "ranvier/ops/neurons/kernels.h"

namespace ranvier::neurons {

class Pieces;

/// What a recurrent scan reads. A step is [rows, columns]; null stands for a state at rest.
template <class R>
struct RecurrentInput {
  Program<R> program;
  std::int64_t steps = 0, rows = 0, columns = 0;
  const R* x = nullptr;       ///< [steps, rows, columns]
  const R* weight = nullptr;  ///< [columns, columns]: from neuron i to neuron j at [i, j]
  const R* state[max_states] = {};
  const R* output = nullptr;  ///< of the step before the first; null: zero
  /// On a CUDA device: what the neuron learns, read there; and for backward the states that forward
  /// left, [count, variables, rows, columns], at the distances of `checkpoint_interval`.
  const R* learnables[max_learnables] = {};
  const R* checkpoints = nullptr;
  Pieces* pieces = nullptr;  ///< as `ScanInput::pieces`

  RV_HD std::int64_t step() const { return rows * columns; }
};

/// Where its results go; null: not wanted.
template <class R>
struct RecurrentOutput {
  R* currents = nullptr;           ///< [steps, rows, columns]: x and what came from the neurons
  R* outputs = nullptr;            ///< [steps, rows, columns]
  std::uint64_t* words = nullptr;  ///< the same as packed spikes
  R* state[max_states] = {};
  R* last = nullptr;         ///< the output of the last step
  R* checkpoints = nullptr;  ///< on a CUDA device, of a scan that will be differentiated
};

/// Gradients of the results; null: zero.
template <class R>
struct RecurrentGradInput {
  const R* outputs = nullptr;
  const R* state[max_states] = {};
  const R* last = nullptr;
};

/// Where the gradients of what was read go; null: not wanted, but `x` is needed.
template <class R>
struct RecurrentGradOutput {
  R* x = nullptr;  ///< that of the currents too
  R* state[max_states] = {};
  R* output = nullptr;  ///< of the output before the first step
  double* learnables = nullptr;
};

/// Arrays lie on `device`; there is at least one step. At least one of `outputs` and `words` is
/// wanted; on the CPU spikes of f32 always as words, from which the next step's currents are added
/// up event by event.
template <class R>
using RecurrentForwardKernel = void(Device device, const RecurrentInput<R>& in,
                                    const RecurrentOutput<R>& out);
/// `currents` are what forward gave; x and the outputs are not read.
template <class R>
using RecurrentBackwardKernel = void(Device device, const RecurrentInput<R>& in, const R* currents,
                                     const RecurrentGradInput<R>& grad_in,
                                     const RecurrentGradOutput<R>& grad_out);

/// The engines for R float or double.
template <class R>
struct RecurrentKernels {
  static DeviceKernels<RecurrentForwardKernel<R>> forward;
  static DeviceKernels<RecurrentBackwardKernel<R>> backward;
};

}  // namespace ranvier::neurons
