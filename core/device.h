// Where a tensor lives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ranvier/core/error.h"

namespace ranvier {

enum class DeviceType : std::uint8_t { cpu, cuda };

/// A place that stores tensors and computes: the CPU, or one CUDA GPU by its index.
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  bool operator==(const Device&) const = default;
};

inline constexpr Device cpu_device{};

/// "cpu" or "cuda:0".
std::string to_string(Device device);

/// Reads "cpu", "cuda" or "cuda:1". Error: any other text.
Device parse_device(std::string_view text);

/// CUDA devices that tensors can be made on, in this build on this machine.
int cuda_device_count();

/// True if tensors can be made on `device` in this build on this machine. The first question about
/// a CUDA device opens the CUDA library, if there is a driver.
bool is_available(Device device);

/// Throws a device `Error` that says why, unless `device` is available.
void require_available(Device device);

/// "cpu", or name, compute capability and memory of a CUDA device. Error: not available.
std::string describe(Device device);

/// Waits until `device` has done all that was asked of it. Operations on a CUDA device return
/// before they are done; their errors surface here, or in the next operation or copy to the CPU.
void synchronize(Device device);

}  // namespace ranvier

template <>
struct fmt::formatter<ranvier::Device> : ranvier::detail::TextFormatter {
  auto format(ranvier::Device device, fmt::format_context& context) const {
    return write(ranvier::to_string(device), context);
  }
};
