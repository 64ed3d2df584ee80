// Which Philox streams the data sets draw from. The default generator uses stream 0, so equal seeds
// for model and data do not make equal numbers.
#pragma once

#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier::detail {

enum class StreamUse : std::uint64_t { shuffle = 1, augment = 2, transform = 3, batch = 4 };

/// The stream of `use` in `epoch`.
RV_HD std::uint64_t stream(StreamUse use, std::int64_t epoch) {
  return (static_cast<std::uint64_t>(use) << 56) | static_cast<std::uint64_t>(epoch);
}

}  // namespace ranvier::detail
