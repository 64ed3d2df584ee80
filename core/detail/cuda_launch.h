// How files of ranvier_cuda reach the arrays of tensors and launch kernels on them.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "ranvier/core/detail/cuda_language.h"
#include "ranvier/core/tensor.h"

namespace ranvier::cuda {

/// The stream that all work on `device` is asked for on; makes `device` the current one.
cudaStream_t stream(Device device);

/// Throws a device `Error` tagged with `op` unless `status` is success.
void check(const char* op, cudaError_t status);

/// Checks a launch and counts it; waits for it too if the environment variable RANVIER_CUDA_SYNC
/// is 1, so that an error inside a kernel is reported by the operation that caused it.
void finish_launch(const char* op, cudaStream_t stream);

/// The elements of a tensor on a CUDA device. Error: another device or dtype (tagged with `op`).
template <class T>
const T* elements(const char* op, const Tensor& tensor) {
  if (tensor.device().type != DeviceType::cuda)
    fail(ErrorCode::device, "[{}] all operands must be on one device; one is on {}.", op,
         tensor.device());
  RV_CHECK(tensor.dtype() == dtype_of<T>, "[{}] an operand holds {} where {} is needed.", op,
           tensor.dtype(), dtype_of<T>);
  return reinterpret_cast<const T*>(tensor.raw_data());
}
template <class T>
T* mutable_elements(const char* op, Tensor& tensor) {
  elements<T>(op, tensor);
  return reinterpret_cast<T*>(tensor.mutable_raw_data());
}
/// Null for an undefined tensor.
template <class T>
const T* elements_or_null(const char* op, const Tensor& tensor) {
  return tensor.defined() ? elements<T>(op, tensor) : nullptr;
}

inline constexpr unsigned block_threads = 256;

/// One thread for each of `count` items; kernels leave out threads beyond the last.
inline Grid grid_for(std::int64_t count) {
  return {static_cast<unsigned>((count + block_threads - 1) / block_threads), block_threads};
}

/// Launches kernel(args...) on the stream of `device`.
template <class... Parameters, class... Args>
void launch(const char* op, Device device, const Grid& grid, void (*kernel)(Parameters...),
            const Args&... args) {
  const cudaStream_t on = stream(device);
  launch_kernel(grid, on, kernel, args...);
  finish_launch(op, on);
}

namespace kernels {
template <class Body>  // at least one block fits: ptxas then spills nothing to fit more
__global__ void __launch_bounds__(block_threads, 1) for_each(std::int64_t count, const Body body) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) body(i);
}
}  // namespace kernels

/// Calls `body(i)` on the device for each i in [0, count); `body` is a __device__ lambda.
template <class Body>
void for_each(const char* op, Device device, std::int64_t count, const Body& body) {
  if (count == 0) return;
  launch(op, device, grid_for(count), kernels::for_each<Body>, count, body);
}

}  // namespace ranvier::cuda
