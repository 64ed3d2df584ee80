#include "ranvier/data/transforms/range.h"

#include <fmt/core.h>

namespace ranvier {

std::string to_string(const Range& range) {
  if (range.low == range.high) return fmt::format("{}", range.low);
  return fmt::format("{{{}, {}}}", range.low, range.high);
}

}  // namespace ranvier
