// Makes AEDAT 3.1 files for tests, right and wrong ones, independently of the library's writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace ranvier::test {

/// The header of a packet, by default of polarity events.
struct Aedat3PacketFields {
  std::uint16_t type = 1;
  std::uint32_t event_bytes = 8;
  std::uint32_t time_at = 4;
  std::uint32_t overflows = 0;
  std::optional<std::uint32_t> room = {};  ///< unset: as many as `events`
  std::uint32_t events = 1;
};

/// A packet; nothing is checked.
inline Bytes aedat3_packet(const Aedat3PacketFields& fields, const Bytes& events) {
  Bytes packet;
  const auto append = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) packet.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  append(fields.type, 2);
  append(1, 2);  // source
  append(fields.event_bytes, 4);
  append(fields.time_at, 4);
  append(fields.overflows, 4);
  append(fields.room.value_or(fields.events), 4);
  append(fields.events, 4);
  append(fields.events, 4);  // valid
  packet.insert(packet.end(), events.begin(), events.end());
  return packet;
}

inline Bytes aedat3_file(const std::vector<Bytes>& packets, const std::string& camera = "DVS128") {
  const std::string header =
      "#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: " + camera + "\r\n#!END-HEADER\r\n";
  Bytes file(header.begin(), header.end());
  for (const Bytes& packet : packets) file.insert(file.end(), packet.begin(), packet.end());
  return file;
}

}  // namespace ranvier::test
