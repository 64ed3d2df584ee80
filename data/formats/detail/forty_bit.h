// Events of 40 bits, as ATIS data sets and SLAYER store them: big endian, 16 bits of place, 1 of
// polarity (1: ON), 23 of time in microseconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/writing.h"

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

/// The file of `recording`; the low `row_bits` of a place are the row. Errors: those of
/// `check_encodable` for a sensor of `most_rows` and 2^(16 - row_bits) columns.
inline std::vector<std::uint8_t> encode_forty_bit(const char* writer, const Recording& recording,
                                                  int row_bits, std::int64_t most_rows) {
  check_encodable(writer, recording,
                  {.most_time = forty_bit_latest,
                   .most_columns = std::min<std::int64_t>(32768, 1 << (16 - row_bits)),
                   .most_rows = most_rows});
  const Events& events = recording.events;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(events.t.size() * forty_bit_bytes);
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    append_be(bytes, static_cast<std::uint16_t>(events.x[i] << row_bits | events.y[i]));
    const std::uint32_t on = events.p[i] != 0 ? 1 : 0,
                        time = static_cast<std::uint32_t>(events.t[i]);
    const std::uint32_t rest = on << forty_bit_time_bits | time;
    append_be(bytes, static_cast<std::uint8_t>(rest >> 16));
    append_be(bytes, static_cast<std::uint16_t>(rest));
  }
  return bytes;
}

}  // namespace ranvier::detail
