#include "tests/emulator/runtime/devices.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/emulator/runtime/streams.h"

namespace {

thread_local int current = 0;

bool exists(int device) { return device >= 0 && device < emulator::device_count(); }

}  // namespace

int emulator::device_count() {
  static const int count = [] {
    const char* const asked = std::getenv("RANVIER_EMULATED_DEVICES");
    return asked == nullptr ? 8 : std::max(0, std::atoi(asked));
  }();
  return count;
}

int emulator::current_device() { return current; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulator::device_count();
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!exists(device)) return emulator::said(cudaErrorInvalidDevice);
  std::snprintf(properties->name, sizeof(properties->name), "emulated device");
  properties->totalGlobalMem = emulator::device_memory;
  properties->major = 9;
  properties->minor = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (!exists(device)) return emulator::said(cudaErrorInvalidDevice);
  current = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = current;
  return cudaSuccess;
}
