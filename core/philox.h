// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3" (SC 2011). The n-th number is a function of (seed, n): the same on every device,
// for every number of threads, and resumable from a counter.
#pragma once

#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier {

/// Four random 32-bit words.
struct PhiloxWords {
  std::uint32_t word[4];
};

/// The `block`-th four words of the stream named by `seed` and `stream`.
RV_HD PhiloxWords philox(std::uint64_t seed, std::uint64_t block, std::uint64_t stream = 0) {
  PhiloxWords c{{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                 static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)}};
  auto k0 = static_cast<std::uint32_t>(seed);
  auto k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c.word[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c.word[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// Uniform in [0, 1) from the upper 24 bits of a word.
RV_HD float uniform_from_bits(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

}  // namespace ranvier
