#include "ranvier/data/detail/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace ranvier::detail {
namespace {

// Each step is one-to-one in the word for a given state and in the state for a given word, so a
// single changed word always reaches the result. The number is odd with bits all over: 2^64 / phi.
std::uint64_t absorb(std::uint64_t state, std::uint64_t word) {
  return std::rotl((state ^ word) * 0x9E3779B97F4A7C15u, 29);
}

std::uint64_t load(const std::uint8_t* from, std::size_t bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

}  // namespace

std::uint64_t checksum_of(std::span<const std::uint8_t> bytes, std::uint64_t before) {
  // Four chains keep the multiplier busy: one alone would wait for each product.
  std::array<std::uint64_t, 4> lanes{0, 1, 2, 3};
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 32; left -= 32, at += 32)
    for (std::size_t lane = 0; lane < 4; ++lane)
      lanes[lane] = absorb(lanes[lane], load(at + 8 * lane, 8));
  for (; left >= 8; left -= 8, at += 8) lanes[0] = absorb(lanes[0], load(at, 8));
  if (left > 0) lanes[0] = absorb(lanes[0], load(at, left));

  // What came before enters once: if it were in a lane too, one could cancel the other out.
  std::uint64_t sum = absorb(before, bytes.size());
  for (const std::uint64_t lane : lanes) sum = absorb(sum, lane);
  return absorb(sum, sum >> 32);
}

}  // namespace ranvier::detail
