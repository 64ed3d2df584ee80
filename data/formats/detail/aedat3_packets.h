// The packets of AEDAT 3.1 files, wherever their bytes come from.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

inline constexpr std::int64_t aedat3_packet_header_bytes = 28;
inline constexpr std::int64_t aedat3_event_bytes = 8;
inline constexpr std::uint16_t aedat3_polarity_type = 1;

struct Aedat3Camera {
  std::string_view name;  ///< a source in the header begins with it
  Sensor sensor;
};
inline constexpr Aedat3Camera aedat3_cameras[] = {{"DVS128", {128, 128, 2}},
                                                  {"DAVIS240", {240, 180, 2}},
                                                  {"DAVIS346", {346, 260, 2}},
                                                  {"DAVIS640", {640, 480, 2}}};

/// What the text at the beginning says.
struct Aedat3Header {
  std::int64_t size;             ///< bytes; the first packet follows
  std::optional<Sensor> sensor;  ///< of the camera it names, if we know that one
};

/// `content`: the beginning of the file, all of it or `most_aedat_header_bytes`. Errors: those of
/// `AedatHeader`; packets of another format than RAW.
Aedat3Header parse_aedat3_header(Bytes content, const ReadPlace& place);

/// A packet of any type. Only those of pixels have events that we look at.
struct Aedat3Packet {
  std::int64_t offset;       ///< of its events in the file
  std::int64_t bytes;        ///< that its events take, or might
  bool pixels;               ///< polarity events of a camera
  std::int64_t count;        ///< of events in use; the first of `bytes`
  std::int64_t base_time;    ///< microseconds to add to its times
  std::int64_t first_event;  ///< events of pixels before it in the file
};

/// `header`: the bytes before `offset`, of packet `index`. Errors: it claims more than the `size`
/// bytes of the file, or makes no sense.
Aedat3Packet parse_aedat3_packet(Bytes header, std::int64_t index, std::int64_t offset,
                                 std::int64_t size, const ReadPlace& place);

/// Calls `visit(packet, events)` for every packet of pixels between bytes `first` and `size` of a
/// file; `fetch(offset, count)` gives its bytes, good until the next call. Errors as above.
template <class Fetch, class Visit>
void for_each_aedat3_packet(std::int64_t first, std::int64_t size, const ReadPlace& place,
                            Fetch&& fetch, Visit&& visit) {
  std::int64_t index = 0, events = 0;
  for (std::int64_t at = first; at < size; ++index) {
    if (size - at < aedat3_packet_header_bytes)
      fail_at(place, "packet", index, at,
              fmt::format("the file ends after {} of the {} bytes of its header", size - at,
                          aedat3_packet_header_bytes));
    const std::int64_t begin = at + aedat3_packet_header_bytes;
    Aedat3Packet packet =
        parse_aedat3_packet(fetch(at, aedat3_packet_header_bytes), index, begin, size, place);
    packet.first_event = events;
    if (packet.pixels) {
      events += packet.count;
      visit(packet, fetch(begin, packet.count * aedat3_event_bytes));
    }
    at = begin + packet.bytes;
  }
}

/// The time of the event at `at`, in microseconds.
inline std::int64_t aedat3_time(const Aedat3Packet& packet, const std::uint8_t* at) {
  return packet.base_time + load_le<std::uint32_t>(at + 4);
}

/// Adds the events of `packet` that are marked as valid and have a time in [begin, end); their
/// times then count from `begin`. Error: an event outside the sensor, or with a negative time.
void add_aedat3_events(const Aedat3Packet& packet, Bytes events, std::int64_t begin,
                       std::int64_t end, Recording& recording, const ReadPlace& place);

}  // namespace ranvier::detail
