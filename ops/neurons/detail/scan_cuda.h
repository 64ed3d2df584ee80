// The CUDA engine: launchers for every model with every surrogate, in the library ranvier_cuda.
// All pointers in inputs and outputs are to device memory.
#pragma once

#include <cstddef>

#include "ranvier/ops/neurons/all.h"
#include "ranvier/ops/neurons/detail/scan_cpu.h"

namespace ranvier::neurons {

/// A neuron's launchers; `stream` is a cudaStream_t, the result a cudaError_t. `workspace` holds
/// the bytes that `scan_cuda_workspace` says.
struct CudaScan {
  /// Packed spikes need columns % 64 == 0.
  int (*forward)(const ScanInput<float>& in, const ScanOutput<float>& out, void* stream);
  int (*backward)(const ScanInput<float>& in, const ScanGradInput<float>& grad_in,
                  const ScanGradOutput<float>& grad_out, void* workspace, void* stream);
};

/// By the positions in `AllNeurons` and `AllSurrogates`.
struct CudaScanTable {
  CudaScan at[AllNeurons::size][AllSurrogates::size];
};

/// The table, as ranvier_cuda exports it by this name.
extern "C" const CudaScanTable ranvier_cuda_scan_table;

/// Steps whose membranes a thread keeps in registers.
inline constexpr int cuda_chunk = 8;
/// Threads of a block.
inline constexpr int cuda_threads = 256;

/// Bytes of workspace for a backward pass: the states between chunks, and each block's share of the
/// learnables' gradients.
inline std::size_t scan_cuda_workspace(const ScanInput<float>& in) {
  const std::int64_t chunks = (in.steps + cuda_chunk - 1) / cuda_chunk;
  const std::int64_t blocks = (in.neurons + cuda_threads - 1) / cuda_threads;
  const std::int64_t states = in.program.states * (chunks - 1) * in.neurons;
  return static_cast<std::size_t>((states + 1) / 2 * 2) * sizeof(float) +
         static_cast<std::size_t>(blocks * in.program.learnables) * sizeof(double);
}

}  // namespace ranvier::neurons
