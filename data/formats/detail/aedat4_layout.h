// What readers and writers of AEDAT 4.0 agree on.
#pragma once

#include <cstdint>
#include <string_view>

namespace ranvier::detail::aedat4 {

constexpr std::string_view magic = "#!AER-DAT4.0\r\n";
constexpr std::string_view header_kind = "IOHE", event_kind = "EVTS";

/// Numbers of the fields of the header's table.
enum HeaderField { compression = 0, table_position = 1, streams = 2 };
/// Number of the only field of a table of events.
constexpr int elements = 0;

/// How packets are packed.
enum Compression : std::int32_t { none, lz4, lz4_high, zstd, zstd_high };

/// An event: i64 time in microseconds, i16 x, i16 y, u8 polarity, padding.
constexpr std::int64_t event_bytes = 16;
constexpr int event_x = 8, event_y = 10, event_on = 12;

constexpr std::int64_t packet_header_bytes = 8;  // i32 stream, i32 bytes that follow

}  // namespace ranvier::detail::aedat4
