// What an engine needs to know of a neuron: where its row kernels are and their parameters.
//
// A row kernel handles one time step of a row of neurons whose state lies in a block of memory,
// variable by variable: variable k of neuron i at [k * stride + i]. It is all that is compiled per
// model and surrogate (rows.h); time loops, blocks and threads are the engine's (scan_cpu.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace ranvier::neurons {

inline constexpr int max_states = 4;
inline constexpr int max_learnables = 4;

/// One step forward: `after` and `out` from `before` and `x`; `after` may be `before`.
template <class R>
struct StepRow {
  const R* before;
  R* after;
  const R* x;
  R* out;  ///< null if the output is not wanted
  std::int64_t count;
  std::int64_t stride;
};

/// One step backward: turns `grad_state` from the gradient of the state after the step into that
/// of the state before it, writes `grad_x` and adds each neuron's share to `grad_learnable`.
template <class R>
struct AdjointRow {
  const R* before;
  const R* x;
  const R* grad_out;
  R* grad_state;
  R* grad_x;
  R* grad_learnable;  ///< laid out like the state; null if the model learns nothing
  std::int64_t count;
  std::int64_t stride;
};

template <class R>
struct RowKernels {
  void (*step)(const void* params, const StepRow<R>& row);
  void (*adjoint)(const void* params, const void* slope, const AdjointRow<R>& row);
};

/// A neuron for one number type, ready for an engine.
template <class R>
struct Program {
  static constexpr std::size_t params_bytes = 16 * sizeof(R), slope_bytes = 4 * sizeof(R);

  RowKernels<R> kernels{};
  /// Derives from the learnables' values what depends on them; null if there are none.
  void (*learn)(void* params, const R* learnable) = nullptr;
  int states = 0, learnables = 0;
  int model = -1, surrogate = -1;  ///< positions in the type lists; -1: defined elsewhere
  R rest[max_states] = {};         ///< state of a neuron that has seen nothing
  alignas(16) std::byte params[params_bytes] = {};
  alignas(16) std::byte slope[slope_bytes] = {};
};

/// Kernels of the library's `model`-th neuron and `surrogate`-th surrogate (the positions in
/// `AllNeurons` and `AllSurrogates`), for the best instruction set of this machine.
template <class R>
RowKernels<R> library_kernels(int model, int surrogate);

}  // namespace ranvier::neurons
