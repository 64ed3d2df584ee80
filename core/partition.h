// Parts of a range that several share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ranvier/core/error.h"

namespace ranvier {

/// A contiguous part of [0, total).
struct Slice {
  std::int64_t begin = 0, end = 0, total = 0;

  std::int64_t length() const { return end - begin; }
  /// All of it.
  static Slice whole(std::int64_t total) { return {0, total, total}; }
  /// Part `index` of `count` parts whose lengths differ by one at most, the longer ones first.
  /// Error: there is no such part.
  static Slice of(std::int64_t total, std::int64_t index, std::int64_t count) {
    RV_CHECK(count >= 1 && index >= 0 && index < count, "[slice] part {} of {} does not exist.",
             index, count);
    const std::int64_t length = total / count, longer = total % count;
    const std::int64_t begin = index * length + std::min(index, longer);
    return {begin, begin + length + (index < longer ? 1 : 0), total};
  }
};

}  // namespace ranvier
