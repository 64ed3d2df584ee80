// What CUDA's language has that C++ has not. tests/emulator stands in for this file where kernels
// run on the CPU.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

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
  kernel<<<grid.blocks, grid.threads, grid.shared_bytes, stream>>>(
      static_cast<Parameters>(args)...);
}

/// The shared memory that the block asked for.
extern __shared__ uint4 block_memory[];

}  // namespace ranvier::cuda
