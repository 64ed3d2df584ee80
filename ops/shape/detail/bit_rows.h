// Pieces of packed rows.
#pragma once

#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier::detail {

/// Bits [begin, begin + count) of a row; 1 <= count <= 64.
RV_HD std::uint64_t read_bits(const std::uint64_t* row, std::int64_t begin, std::int64_t count) {
  const std::int64_t word = begin / 64, shift = begin % 64;
  std::uint64_t value = row[word] >> shift;
  if (shift + count > 64) value |= row[word + 1] << (64 - shift);
  return value & (~std::uint64_t{0} >> (64 - count));
}

}  // namespace ranvier::detail
