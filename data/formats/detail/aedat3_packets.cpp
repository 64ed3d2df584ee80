#include "ranvier/data/formats/detail/aedat3_packets.h"

#include <string_view>

#include "ranvier/core/error.h"
#include "ranvier/data/formats/detail/aedat_header.h"
#include "ranvier/data/formats/detail/event_filler.h"

namespace ranvier::detail {

Aedat3Header parse_aedat3_header(Bytes content, const ReadPlace& place) {
  const AedatHeader header(content, "3.1", "#!END-HEADER", place);
  const std::string_view format = header.after("#Format: ");
  if (!format.empty() && format != "RAW")
    fail(ErrorCode::format, "[{}] {}: its header says \"#Format: {}\"; only RAW is read.",
         place.reader, place.file, format);
  Aedat3Header result{.size = header.size(), .sensor = {}};
  const std::string_view source = header.after("#Source ");  // "1: DVS128"
  for (const Aedat3Camera& camera : aedat3_cameras)
    if (source.find(camera.name) != source.npos) result.sensor = camera.sensor;
  return result;
}

Aedat3Packet parse_aedat3_packet(Bytes header, std::int64_t index, std::int64_t offset,
                                 std::int64_t size, const ReadPlace& place) {
  const std::int64_t at = offset - aedat3_packet_header_bytes;
  const auto field = [&](std::size_t byte, const char* name) {
    const auto value = static_cast<std::int32_t>(load_le<std::uint32_t>(header.data() + byte));
    if (value < 0) fail_at(place, "packet", index, at, fmt::format("its {} is {}", name, value));
    return std::int64_t{value};
  };
  const auto type = load_le<std::uint16_t>(header.data());
  const std::int64_t event_bytes = field(4, "size of an event"),
                     time_at = field(8, "place of time");
  const std::int64_t overflows = field(12, "count of overflows"), room = field(16, "capacity");
  const std::int64_t count = field(20, "number of events");
  if (room * event_bytes > size - offset)
    fail_at(place, "packet", index, at,
            fmt::format("it claims {} events of {} bytes; {} bytes follow", room, event_bytes,
                        size - offset));
  const bool pixels = type == aedat3_polarity_type;
  if (pixels && (event_bytes != aedat3_event_bytes || time_at != 4))
    fail_at(place, "packet", index, at,
            fmt::format("its polarity events have {} bytes, the time at byte {}; they must have 8, "
                        "the time at byte 4",
                        event_bytes, time_at));
  if (count > room)
    fail_at(place, "packet", index, at,
            fmt::format("it claims {} events and room for {}", count, room));
  return {.offset = offset,
          .bytes = room * event_bytes,
          .pixels = pixels,
          .count = count,
          .base_time = overflows << 31,
          .first_event = 0};
}

void add_aedat3_events(const Aedat3Packet& packet, Bytes events, std::int64_t begin,
                       std::int64_t end, Recording& recording, const ReadPlace& place) {
  EventFiller filler(recording, place, "event", packet.count);
  for (std::int64_t i = 0; i < packet.count; ++i) {
    const std::uint8_t* at = events.data() + i * aedat3_event_bytes;
    const auto pixel = load_le<std::uint32_t>(at);
    const std::int64_t t = aedat3_time(packet, at);
    if ((pixel & 1) == 0 || t < begin || t >= end) continue;
    const std::int64_t index = packet.first_event + i;
    const std::int64_t offset = packet.offset + i * aedat3_event_bytes;
    if (t - packet.base_time > INT32_MAX)
      fail_at(place, "event", index, offset, "its time is negative");
    filler.add(t - begin, pixel >> 17, pixel >> 2 & 0x7fff, (pixel >> 1 & 1) != 0, index, offset);
  }
  filler.finish();
}

}  // namespace ranvier::detail
