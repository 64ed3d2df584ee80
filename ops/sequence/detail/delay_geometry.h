// How the time of delayed sequences is cut for the threads of a CUDA device.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ranvier::delay_detail {

/// Parts of time that are walked at once, none of them empty.
struct TimeParts {
  std::int64_t length, number;

  /// Of `steps` of `columns` each: as many as keep a device busy, and none too short.
  static TimeParts of(std::int64_t steps, std::int64_t columns) {
    constexpr std::int64_t enough_threads = 1 << 17, shortest = 16;
    const std::int64_t wanted = enough_threads / std::max<std::int64_t>(columns, 1);
    const std::int64_t most =
        std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(steps / shortest, 1));
    const std::int64_t length = std::max<std::int64_t>((steps + most - 1) / most, 1);
    return {length, (steps + length - 1) / length};
  }
};

}  // namespace ranvier::delay_detail
