// Deterministic damage to files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ranvier/core/philox.h"

namespace ranvier::fuzz {

/// A reproducible series of numbers.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : seed_(seed) {}
  /// In [0, sides).
  std::size_t roll(std::size_t sides) {
    const PhiloxWords words = philox(seed_, next_++);
    return ((std::uint64_t{words.word[0]} << 32) | words.word[1]) % std::max<std::size_t>(sides, 1);
  }

 private:
  std::uint64_t seed_;
  std::uint64_t next_ = 0;
};

/// Overwrites up to eight bytes by one that parsers stumble over: extremes and neighbours.
inline void plant_number(std::vector<std::uint8_t>& bytes, Dice& dice) {
  constexpr std::uint64_t awkward[] = {
      0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0xffffffff, ~0ull, 1ull << 63, 1ull << 32, 1000};
  std::uint64_t value = awkward[dice.roll(std::size(awkward))];
  const std::size_t width = std::size_t{1} << dice.roll(4);
  const std::size_t place = dice.roll(bytes.size());
  for (std::size_t i = 0; i < width && place + i < bytes.size(); ++i, value >>= 8)
    bytes[place + i] = static_cast<std::uint8_t>(value);
}

/// One random change: a bit, a byte, a number, a cut, a repeated or removed piece, an appendix.
inline void mutate_once(std::vector<std::uint8_t>& bytes, Dice& dice) {
  const std::size_t place = dice.roll(bytes.size());
  const std::size_t length = std::min(1 + dice.roll(16), bytes.size() - place);
  const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(place);
  const auto last = first + static_cast<std::ptrdiff_t>(length);
  switch (bytes.empty() ? 7 : dice.roll(8)) {
    case 0:
      bytes[place] ^= static_cast<std::uint8_t>(1u << dice.roll(8));
      break;
    case 1:
      bytes[place] = static_cast<std::uint8_t>(dice.roll(256));
      break;
    case 2:
    case 3:
      plant_number(bytes, dice);
      break;
    case 4:
      bytes.resize(place);
      break;
    case 5:
      bytes.erase(first, last);
      break;
    case 6: {
      const std::vector<std::uint8_t> piece(first, last);
      bytes.insert(first, piece.begin(), piece.end());
      break;
    }
    default:
      for (std::size_t i = 1 + dice.roll(16); i > 0; --i)
        bytes.push_back(static_cast<std::uint8_t>(dice.roll(256)));
  }
}

/// `bytes` with one to four changes; the same for the same `number`.
inline std::vector<std::uint8_t> mutated(std::vector<std::uint8_t> bytes, std::uint64_t number) {
  Dice dice(number);
  for (std::size_t i = 1 + dice.roll(4); i > 0; --i) mutate_once(bytes, dice);
  return bytes;
}

}  // namespace ranvier::fuzz
