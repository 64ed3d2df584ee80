// What core asks of CUDA, so that nothing but the library ranvier_cuda knows its headers.
#pragma once

#include <cstddef>
#include <string>

#include "ranvier/core/device.h"

namespace ranvier::detail {

/// Functions that ranvier_cuda sets when it is opened. Work on one device is done in the order in
/// which it was asked for, and beside the CPU: only copies to the CPU and `synchronize` wait.
struct CudaRuntime {
  /// Devices of this machine; if there are none, `why` tells the reason.
  int (*device_count)(std::string& why);
  /// "NVIDIA H200, compute capability 9.0, 139.8 GiB"
  std::string (*describe)(int device);
  /// Null if the device has not enough memory left.
  void* (*allocate)(int device, std::size_t bytes);
  void (*deallocate)(int device, void* block);
  void (*clear)(int device, void* block, std::size_t bytes);
  /// Between the CPU and a device, or within a device.
  void (*copy)(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
  /// Waits for all that was asked of the device. Throws what went wrong with it.
  void (*synchronize)(int device);
  /// Kernels launched so far by this process.
  long (*launches)();
  /// From here on, what this thread asks of the device is recorded, not done.
  void (*begin_capture)(int device);
  /// Ends it; returns what was recorded, ready to be launched. Throws if something could not be.
  void* (*end_capture)(int device);
  /// Ends it and forgets what was recorded. Never throws.
  void (*abandon_capture)(int device);
  void (*launch_graph)(int device, void* graph);
  void (*destroy_graph)(void* graph);
};

/// Where ranvier_cuda puts its runtime.
extern const CudaRuntime* cuda_runtime_slot;

/// The runtime. Error: there is no CUDA device that can be used (says why).
const CudaRuntime& cuda_runtime();

}  // namespace ranvier::detail
