// The emulated devices of this process.
#pragma once

#include <cstddef>

namespace emulator {

/// As many as the environment variable RANVIER_EMULATED_DEVICES says, or 8.
int device_count();

/// The calling thread's.
int current_device();

/// Memory of a device, in bytes.
inline constexpr std::size_t device_memory = std::size_t{4} << 30;

}  // namespace emulator
