#include "ranvier/data/formats/aedat3.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/aedat3_packets.h"
#include "ranvier/data/formats/detail/writing.h"

namespace ranvier {
namespace {

using detail::Bytes;

constexpr std::size_t events_of_a_packet = 4096;

/// "#Source 1: ..." of a camera with this sensor, or of a program where we know none.
std::string_view source_of(const Sensor& sensor) {
  for (const detail::Aedat3Camera& camera : detail::aedat3_cameras)
    if (camera.sensor == sensor) return camera.name;
  return "Processor";
}

/// Events [first, end) of one count of overflows.
void append_packet(const Events& events, std::size_t first, std::size_t end,
                   std::vector<std::uint8_t>& bytes) {
  const auto count = static_cast<std::uint32_t>(end - first);
  detail::append_le(bytes, detail::aedat3_polarity_type);
  detail::append_le(bytes, std::uint16_t{1});  // the source
  detail::append_le(bytes, static_cast<std::uint32_t>(detail::aedat3_event_bytes));
  detail::append_le(bytes, std::uint32_t{4});  // where in an event its time is
  detail::append_le(bytes, static_cast<std::uint32_t>(events.t[first] >> 31));
  for (int i = 0; i < 3; ++i) detail::append_le(bytes, count);  // room, events, valid ones
  for (std::size_t i = first; i < end; ++i) {
    const auto x = static_cast<std::uint32_t>(events.x[i]);
    const auto y = static_cast<std::uint32_t>(events.y[i]);
    const std::uint32_t on = events.p[i] != 0 ? 1 : 0;
    detail::append_le(bytes, x << 17 | y << 2 | on << 1 | 1u);
    detail::append_le(bytes, static_cast<std::uint32_t>(events.t[i] & INT32_MAX));
  }
}

}  // namespace

Recording parse_aedat3(Bytes content, const std::string& name, const Aedat3Options& options) {
  const detail::ReadPlace place{"aedat3", name};
  const detail::Aedat3Header header = detail::parse_aedat3_header(content, place);
  const std::optional<Sensor> sensor = options.sensor ? options.sensor : header.sensor;
  Recording recording{.sensor = sensor.value_or(Sensor{32768, 32768, 2}), .events = {}};
  const auto fetch = [&](std::int64_t offset, std::int64_t count) {
    return content.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
  };
  detail::for_each_aedat3_packet(header.size, std::ssize(content), place, fetch,
                                 [&](const detail::Aedat3Packet& packet, Bytes events) {
                                   detail::add_aedat3_events(packet, events, 0, INT64_MAX,
                                                             recording, place);
                                 });
  if (!sensor) recording.sensor = detail::smallest_sensor(recording.events, 2);
  detail::finish_recording(recording, place, options.read);
  return recording;
}

Recording read_aedat3(const std::filesystem::path& path, const Aedat3Options& options) {
  return parse_aedat3(detail::read_file("aedat3", path, options.read.max_bytes), path.string(),
                      options);
}

std::vector<std::uint8_t> encode_aedat3(const Recording& recording) {
  detail::check_encodable("aedat3", recording, {.most_time = max_time});
  const std::string header =
      fmt::format("#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: {}\r\n#!END-HEADER\r\n",
                  source_of(recording.sensor));
  std::vector<std::uint8_t> bytes(header.begin(), header.end());
  const std::vector<std::int64_t>& t = recording.events.t;
  for (std::size_t first = 0, end = 0; first < t.size(); first = end) {
    const std::size_t most = std::min(t.size(), first + events_of_a_packet);
    for (end = first; end < most && t[end] >> 31 == t[first] >> 31;) ++end;
    append_packet(recording.events, first, end, bytes);
  }
  return bytes;
}

}  // namespace ranvier
