// Opens the library ranvier_cuda, once, when somebody first asks for a CUDA device.
#include <dlfcn.h>

#include <string>
#include <utility>

#include "ranvier/core/detail/cuda_runtime.h"
#include "ranvier/core/detail/own_library.h"
#include "ranvier/core/error.h"

namespace ranvier {
namespace detail {

constinit const CudaRuntime* cuda_runtime_slot = nullptr;

namespace {

/// Devices of this machine, or why there are none.
struct CudaDevices {
  int count = 0;
  std::string why_none;
};

CudaDevices open_cuda() {
  if (dlopen(RANVIER_CUDA_DRIVER, RTLD_NOW | RTLD_LOCAL) == nullptr)
    return {0, "this machine has no NVIDIA driver (" RANVIER_CUDA_DRIVER " is not found)"};
  if (std::string why = open_own_library(RANVIER_CUDA_LIBRARY, "CUDA"); !why.empty())
    return {0, std::move(why)};
  RV_ASSERT(cuda_runtime_slot != nullptr, "[cuda] {} has no runtime", RANVIER_CUDA_LIBRARY);
  CudaDevices devices;
  devices.count = cuda_runtime_slot->device_count(devices.why_none);
  return devices;
}

const CudaDevices& cuda_devices() {
  static const CudaDevices devices = open_cuda();
  return devices;
}

}  // namespace

const CudaRuntime& cuda_runtime() {
  require_available({DeviceType::cuda, 0});
  return *cuda_runtime_slot;
}

}  // namespace detail

int cuda_device_count() { return detail::cuda_devices().count; }

bool is_available(Device device) {
  return device.type == DeviceType::cpu ||
         (device.index >= 0 && device.index < cuda_device_count());
}

void require_available(Device device) {
  if (is_available(device)) return;
  const auto& [count, why_none] = detail::cuda_devices();
  if (count == 0)
    fail(ErrorCode::device, "[device] {} is not available: {}. Use 'cpu'.", device, why_none);
  fail(ErrorCode::device,
       "[device] {} is not available: this machine has {} CUDA device(s), 0 to "
       "{}.",
       device, count, count - 1);
}

std::string describe(Device device) {
  require_available(device);
  return device.type == DeviceType::cpu ? "cpu" : detail::cuda_runtime().describe(device.index);
}

void synchronize(Device device) {
  if (device.type == DeviceType::cuda) detail::cuda_runtime().synchronize(device.index);
}

}  // namespace ranvier
