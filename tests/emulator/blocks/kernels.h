// Kernels on an emulated device.
#pragma once

#include <cstddef>
#include <functional>

#include <cuda_runtime.h>

namespace emulator {

/// Blocks and threads of a launch, and bytes of shared memory a block asks for.
struct LaunchShape {
  unsigned blocks;
  unsigned threads;
  std::size_t shared_bytes;
};

/// Asks `stream` to call `thread` once in each thread of each block. Errors, which cudaGetLastError
/// tells: a shape that no device accepts, a stream of another device than the current one.
void launch_kernel(const LaunchShape& shape, cudaStream_t stream, std::function<void()> thread);

/// The shared memory that the running block asked for.
uint4* block_memory();

}  // namespace emulator
