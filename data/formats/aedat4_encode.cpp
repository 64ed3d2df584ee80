#include <fmt/core.h>
#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>

#include "ranvier/core/error.h"
#include "ranvier/data/formats/aedat4.h"
#include "ranvier/data/formats/detail/aedat4_layout.h"
#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/writing.h"

namespace ranvier {
namespace {

namespace layout = detail::aedat4;
using Buffer = std::vector<std::uint8_t>;

void append_text(Buffer& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

/// Appends numbers of one type.
template <class T>
void append(Buffer& out, std::initializer_list<T> numbers) {
  for (const T number : numbers) detail::append_le(out, number);
}

/// Writes the length of a flatbuffer, which does not count itself, in front of it.
void set_length(Buffer& flat) {
  const auto length = static_cast<std::uint32_t>(flat.size() - 4);
  for (std::size_t i = 0; i < 4; ++i) flat[i] = static_cast<std::uint8_t>(length >> (8 * i));
}

std::string describe_streams(const Sensor& sensor, const char* compression) {
  const auto attribute = [](const char* key, const char* type, const auto& value) {
    return fmt::format("<attr key=\"{}\" type=\"{}\">{}</attr>", key, type, value);
  };
  return "<dv version=\"2.0\"><node name=\"outInfo\" path=\"/outInfo/\">"
         "<node name=\"0\" path=\"/outInfo/0/\">" +
         attribute("compression", "string", compression) +
         attribute("originalModuleName", "string", "ranvier") +
         attribute("originalOutputName", "string", "events") +
         attribute("typeDescription", "string", "Array of events (polarity ON/OFF).") +
         attribute("typeIdentifier", "string", layout::event_kind) +
         "<node name=\"info\" path=\"/outInfo/0/info/\">" +
         attribute("sizeX", "int", sensor.width) + attribute("sizeY", "int", sensor.height) +
         attribute("source", "string", "ranvier") + "</node></node></node></dv>";
}

/// The flatbuffer of the header. Every number lies at a multiple of its size.
Buffer header(const Sensor& sensor, Aedat4Packing packing) {
  const char* names[] = {"NONE", "LZ4", "", "ZSTD"};
  const std::string streams = describe_streams(sensor, names[static_cast<int>(packing)]);
  Buffer flat;
  append<std::uint32_t>(flat, {0, 20});  // length; from here to the table at byte 24
  append_text(flat, layout::header_kind);
  append<std::uint16_t>(flat, {10, 20, 4, 8, 16, 0});  // vtable at byte 12: sizes, fields
  append<std::uint32_t>(flat, {12, static_cast<std::uint32_t>(packing)});
  detail::append_le(flat, ~std::uint64_t{0});  // -1: no table of packets
  append<std::uint32_t>(flat, {4, static_cast<std::uint32_t>(streams.size())});
  append_text(flat, streams);
  flat.resize((flat.size() / 4 + 1) * 4);  // ends in a zero byte
  set_length(flat);
  return flat;
}

/// The flatbuffer of the events [first, last).
void write_events(const Events& events, std::size_t first, std::size_t last, Buffer& flat) {
  flat.clear();
  append<std::uint32_t>(flat, {0, 16});  // length; from here to the table at byte 20
  append_text(flat, layout::event_kind);
  append<std::uint16_t>(flat, {0, 6, 8, 4});  // vtable at byte 14: sizes, the field
  append<std::uint32_t>(flat, {6, 4, static_cast<std::uint32_t>(last - first)});
  for (std::size_t i = first; i < last; ++i) {
    detail::append_le(flat, static_cast<std::uint64_t>(events.t[i]));
    append<std::uint16_t>(
        flat, {static_cast<std::uint16_t>(events.x[i]), static_cast<std::uint16_t>(events.y[i]),
               static_cast<std::uint16_t>(events.p[i] != 0), 0});
  }
  set_length(flat);
}

Buffer packed(const Buffer& flat, Aedat4Packing packing) {
  if (packing == Aedat4Packing::none) return flat;
  const bool lz4 = packing == Aedat4Packing::lz4;
  Buffer out(lz4 ? LZ4F_compressFrameBound(flat.size(), nullptr) : ZSTD_compressBound(flat.size()));
  const std::size_t size =
      lz4 ? LZ4F_compressFrame(out.data(), out.size(), flat.data(), flat.size(), nullptr)
          : ZSTD_compress(out.data(), out.size(), flat.data(), flat.size(), ZSTD_CLEVEL_DEFAULT);
  RV_ASSERT(!(lz4 ? LZ4F_isError(size) : ZSTD_isError(size)), "[aedat4] cannot pack {} bytes",
            flat.size());
  out.resize(size);
  return out;
}

}  // namespace

Buffer encode_aedat4(const Recording& recording, Aedat4Packing packing) {
  detail::check_encodable("aedat4", recording, {});
  constexpr std::size_t packet_events = 8192;
  Buffer out(layout::magic.begin(), layout::magic.end()), flat;
  const Buffer head = header(recording.sensor, packing);
  out.insert(out.end(), head.begin(), head.end());
  const std::size_t count = recording.events.t.size();
  for (std::size_t first = 0; first < count; first += packet_events) {
    write_events(recording.events, first, std::min(count, first + packet_events), flat);
    const Buffer packet = packed(flat, packing);
    append<std::uint32_t>(out, {0, static_cast<std::uint32_t>(packet.size())});
    out.insert(out.end(), packet.begin(), packet.end());
  }
  return out;
}

}  // namespace ranvier
