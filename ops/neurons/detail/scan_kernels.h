// The engines that run a neuron over a shard of time, one for each kind of device.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/platform.h"
#include "ranvier/ops/neurons/kernels.h"

namespace ranvier::neurons {

class Pieces;

/// What a scan reads. Sequences are [steps, neurons]; null stands for a state at rest. It computes
/// with R; x, spikes and their gradients are stored as S.
template <class R, class S = R>
struct ScanInput {
  Program<R> program;
  std::int64_t steps = 0, neurons = 0;
  const S* x = nullptr;
  bool static_input = false;  ///< x is [neurons], the same at every step
  const R* state[max_states] = {};
  /// On a CUDA device: what the neuron learns, read there; and for backward the states that forward
  /// left, [count, variables, neurons] (see `checkpoint_interval`).
  const R* learnables[max_learnables] = {};
  R* checkpoints = nullptr;
  Pieces* pieces = nullptr;  ///< on the CPU: who waits for some neurons of the state; null: nobody

  RV_HD const S* x_at(std::int64_t t) const { return static_input ? x : x + t * neurons; }
  /// What is read next after step t of neuron `first`: its next step, or after the last one the
  /// first step of the neuron `ahead` further on; null: nothing that is not at hand.
  const S* x_after(std::int64_t t, std::int64_t first, std::int64_t ahead) const {
    if (t + 1 < steps) return static_input ? nullptr : x + (t + 1) * neurons + first;
    return ahead > 0 && first + ahead < neurons ? x + first + ahead : nullptr;
  }
};

/// Where its results go; null: not wanted.
template <class R, class S = R>
struct ScanOutput {
  S* spikes = nullptr;
  std::uint64_t* words = nullptr;  ///< packed spikes, rows of `columns` neurons
  std::int64_t columns = 0;
  R* trace = nullptr;
  R* rate = nullptr;
  R* state[max_states] = {};
  R* checkpoints = nullptr;  ///< [count, variables, neurons], see `checkpoint_interval`
};

/// Gradients of the results; null: zero.
template <class R, class S = R>
struct ScanGradInput {
  const S* spikes = nullptr;
  const R* trace = nullptr;
  const R* rate = nullptr;
  const R* state[max_states] = {};
};

/// Where the gradients of what was read go; null: not wanted.
template <class R, class S = R>
struct ScanGradOutput {
  S* x = nullptr;
  R* state[max_states] = {};
  double* learnables = nullptr;  ///< one sum for each learnable
};

/// Arrays lie on `device`; there are at least one step and maybe no neurons. Backward recomputes
/// the states from `in`: on the CPU nothing else needs to be kept from the forward pass.
template <class R, class S = R>
using ScanForwardKernel = void(Device device, const ScanInput<R, S>& in,
                               const ScanOutput<R, S>& out);
template <class R, class S = R>
using ScanBackwardKernel = void(Device device, const ScanInput<R, S>& in,
                                const ScanGradInput<R, S>& grad_in,
                                const ScanGradOutput<R, S>& grad_out);

/// Turns the results of a forward pass into those of one from `in`, which differs in the state it
/// begins with. Goes on from the first step, some neurons at a time, until these have the states
/// of a checkpoint that the pass left: its results stand from there on. Returns how many steps of a
/// neuron that took.
template <class R, class S = R>
using ScanRepairKernel = std::int64_t(Device device, const ScanInput<R, S>& in,
                                      const ScanOutput<R, S>& out);

/// The engines for R float or double and S the same. CUDA devices have some for R float and 16-bit
/// S: of neurons that spike, in pairs (in fours where spikes are packed), at addresses of whole
/// pairs or fours.
template <class R, class S = R>
struct ScanKernels {
  static DeviceKernels<ScanForwardKernel<R, S>> forward;
  static DeviceKernels<ScanBackwardKernel<R, S>> backward;
  static DeviceKernels<ScanRepairKernel<R, S>> repair;
};

/// Steps whose states a thread of a CUDA device recomputes into registers. A scan that will be
/// differentiated there, or repaired, leaves its state after every so many steps.
inline constexpr std::int64_t checkpoint_interval = 8;

/// Checkpoints of a scan of `steps` steps: none after the last interval.
constexpr std::int64_t checkpoint_count(std::int64_t steps) {
  return (steps - 1) / checkpoint_interval;
}

/// Where variable k of checkpoint c begins.
template <class R>
RV_HD R* checkpoint(R* checkpoints, std::int64_t c, int k, int states, std::int64_t neurons) {
  return checkpoints + (c * states + k) * neurons;
}

}  // namespace ranvier::neurons
