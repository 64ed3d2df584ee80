// Events of 40 bits, as ATIS data sets and SLAYER store them: big endian, 16 bits of place, 1 of
// polarity (1: ON), 23 of time in microseconds.
#pragma once

#include <cstdint>
#include <vector>

#include "ranvier/data/formats/detail/bytes.h"

namespace ranvier::detail {

inline constexpr std::int64_t forty_bit_bytes = 5;
inline constexpr int forty_bit_time_bits = 23;
inline constexpr std::int64_t forty_bit_latest = (std::int64_t{1} << forty_bit_time_bits) - 1;

struct FortyBitEvent {
  std::uint16_t place;
  bool on;
  std::uint32_t time;
};

inline FortyBitEvent load_forty_bit(const std::uint8_t* at) {
  const auto rest = load_be<std::uint32_t>(at + 1);  // the low byte of the place comes first
  return {.place = load_be<std::uint16_t>(at),
          .on = (rest >> forty_bit_time_bits & 1) != 0,
          .time = rest & static_cast<std::uint32_t>(forty_bit_latest)};
}

inline void append_forty_bit(std::vector<std::uint8_t>& bytes, const FortyBitEvent& event) {
  append_be(bytes, static_cast<std::uint8_t>(event.place >> 8));
  append_be(bytes, static_cast<std::uint32_t>((event.place & 0xffu) << 24 |
                                              std::uint32_t{event.on} << forty_bit_time_bits |
                                              event.time));
}

}  // namespace ranvier::detail
