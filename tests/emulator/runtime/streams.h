// Work that the streams of emulated devices do, each in order and beside all others.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace emulator {

/// Sets the calling thread's last error to `error`, which it returns.
cudaError_t said(cudaError_t error);

/// Work of `stream`, which a thread of its own does after what it was asked for before; or a node
/// of the graph that is being captured there, which keeps `work`, and what it holds, for as long as
/// it may be launched.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);

/// True if what `stream` is asked for is captured at present.
bool is_capturing(cudaStream_t stream);

/// The device that a stream belongs to.
int device_of(cudaStream_t stream);

/// Waits for all that the streams of a device were asked for.
void wait_for_device(int device);

}  // namespace emulator
