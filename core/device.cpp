#include "ranvier/core/device.h"

#include <charconv>

#include "ranvier/core/error.h"

namespace ranvier {

std::string to_string(Device device) {
  return device.type == DeviceType::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

Device parse_device(std::string_view text) {
  if (text == "cpu") return cpu_device;
  if (text == "cuda") return {DeviceType::cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  int index = -1;
  if (text.starts_with(prefix)) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + prefix.size(), end, index);
    if (parsed.ec != std::errc() || parsed.ptr != end) index = -1;
  }
  if (index < 0)
    fail(ErrorCode::device, "[device] expected 'cpu', 'cuda' or 'cuda:<index>'; got '{}'.", text);
  return {DeviceType::cuda, index};
}

}  // namespace ranvier
