// Checksums of blocks of memory, at the speed at which they are read.
#pragma once

#include <cstdint>
#include <span>

namespace ranvier::detail {

/// A 64-bit checksum of `bytes`, continued from that of what came before. Finds every damage to a
/// single byte and misses others once in 2^64; no protection against somebody who wants it to fit.
std::uint64_t checksum_of(std::span<const std::uint8_t> bytes, std::uint64_t before = 0);

}  // namespace ranvier::detail
