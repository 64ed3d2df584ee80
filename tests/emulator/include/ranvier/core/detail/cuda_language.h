// Kernels on an emulated device, in the place of the library's core/detail/cuda_language.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "tests/emulator/blocks/kernels.h"

namespace ranvier::cuda {

/// Blocks and threads of a launch, and bytes of shared memory a block asks for.
struct Grid {
  unsigned blocks;
  unsigned threads;
  std::size_t shared_bytes = 0;
};

/// Asks `stream` for kernel(args...). What is wrong with the launch, cudaGetLastError tells.
template <class... Parameters, class... Args>
void launch_kernel(const Grid& grid, cudaStream_t stream, void (*kernel)(Parameters...),
                   const Args&... args) {
  emulator::launch_kernel(
      {grid.blocks, grid.threads, grid.shared_bytes}, stream,
      [kernel, ... given = static_cast<Parameters>(args)] { kernel(given...); });
}

/// The shared memory that the block asked for.
struct BlockMemory {
  uint4& operator[](std::size_t i) const { return emulator::block_memory()[i]; }
};
inline constexpr BlockMemory block_memory;

}  // namespace ranvier::cuda
