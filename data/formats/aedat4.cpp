#include "ranvier/data/formats/aedat4.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/aedat4_layout.h"
#include "ranvier/data/formats/detail/aedat4_streams.h"
#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/flatbuffer.h"
#include "ranvier/data/formats/detail/unpack.h"

namespace ranvier {
namespace {

namespace layout = detail::aedat4;
using detail::Bytes;

struct Header {
  std::int32_t compression;
  std::map<std::int32_t, layout::Stream> streams;
  std::int64_t begin, end;  ///< where the packets lie
};

Header read_header(Bytes content, const detail::ReadPlace& place) {
  const std::string_view start(reinterpret_cast<const char*>(content.data()), content.size());
  if (!start.starts_with(layout::magic))
    fail(ErrorCode::format, "[{}] {} does not begin with the line \"#!AER-DAT4.0\".", place.reader,
         place.file);
  const auto size = static_cast<std::int64_t>(content.size());
  constexpr std::int64_t at = layout::magic.size();
  const detail::ReadPart part{place, "header", 0, at};
  if (size < at + 4) part.fail("the file ends within it");
  const std::int64_t bytes = std::int64_t{detail::load_le<std::uint32_t>(&content[at])} + 4;
  if (bytes > size - at)
    part.fail(fmt::format("it takes {} bytes; the file has {} more", bytes, size - at));
  const detail::FlatTable table(content.subspan(at, static_cast<std::size_t>(bytes)),
                                layout::header_kind, part);
  Header header{.compression = table.number<std::int32_t>(layout::compression, layout::none),
                .streams = layout::parse_streams(table.text(layout::streams)),
                .begin = at + bytes,
                .end = table.number<std::int64_t>(layout::table_position, -1)};
  if (header.compression < layout::none || header.compression > layout::zstd_high)
    part.fail(fmt::format("it names the compression {}; 0 to 4 exist", header.compression));
  if (header.end == -1) header.end = size;  // a recording that was not closed has no table
  if (header.end < header.begin || header.end > size)
    part.fail(fmt::format("it says that packets end at byte {} of {}", header.end, size));
  return header;
}

/// What the header says of the sensor behind `stream`; absent: behind the only stream of events.
std::optional<Sensor> stated_sensor(const Header& header, std::optional<std::int32_t> stream) {
  const layout::Stream* found = nullptr;
  for (const auto& [number, each] : header.streams) {
    if (stream ? number != *stream : each.kind != layout::event_kind) continue;
    if (found != nullptr) return std::nullopt;
    found = &each;
  }
  if (found == nullptr || found->width == 0 || found->height == 0) return std::nullopt;
  return Sensor{found->width, found->height, 2};
}

/// Takes the packets of a file one after the other.
class Packets {
 public:
  Packets(Bytes content, const Header& header, Recording& recording, const detail::ReadPlace& place,
          const ReadOptions& options)
      : content_(content),
        header_(header),
        recording_(recording),
        place_(place),
        options_(options) {}

  /// Reads all, and returns the stream that had events.
  std::optional<std::int32_t> read_all() {
    std::int64_t index = 0;
    for (std::int64_t at = header_.begin; at < header_.end; ++index) {
      const detail::ReadPart part{place_, "packet", index, at};
      const std::int64_t left = header_.end - at - layout::packet_header_bytes;
      if (left < 0) part.fail("the file ends within its header");
      const std::uint8_t* first = content_.data() + at;
      const auto stream = static_cast<std::int32_t>(detail::load_le<std::uint32_t>(first));
      const auto bytes = static_cast<std::int32_t>(detail::load_le<std::uint32_t>(first + 4));
      if (bytes < 0 || bytes > left)
        part.fail(fmt::format("it takes {} bytes; {} are left for packets", bytes, left));
      at += layout::packet_header_bytes;
      read(stream, content_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes)),
           part);
      at += bytes;
    }
    return stream_;
  }

 private:
  void read(std::int32_t stream, Bytes packet, const detail::ReadPart& part) {
    const auto known = header_.streams.find(stream);
    const bool declared = known != header_.streams.end() && !known->second.kind.empty();
    if (declared && known->second.kind != layout::event_kind) return;
    const Bytes flat = unpacked(packet, part);
    if (!declared && detail::flatbuffer_identifier(flat) != layout::event_kind) return;
    if (stream_.value_or(stream) != stream)
      part.fail(
          fmt::format("it has events of stream {} after some of stream {}; one stream is read",
                      stream, *stream_));
    if (!stream_) recording_.sensor = stated_sensor(header_, stream).value_or(recording_.sensor);
    stream_ = stream;
    add(detail::FlatTable(flat, layout::event_kind, part)
            .vector(layout::elements, layout::event_bytes),
        part);
  }

  Bytes unpacked(Bytes packet, const detail::ReadPart& part) {
    if (header_.compression == layout::none) return packet;
    const std::int64_t room = options_.max_bytes - unpacked_;
    if (header_.compression <= layout::lz4_high)
      unpacker_.lz4(packet, room, buffer_, part);
    else
      unpacker_.zstd(packet, room, buffer_, part);
    unpacked_ += static_cast<std::int64_t>(buffer_.size());
    return buffer_;
  }

  void add(Bytes elements, const detail::ReadPart& part) {
    const auto count = static_cast<std::int64_t>(elements.size()) / layout::event_bytes;
    const std::int64_t before = recording_.events.size();
    detail::check_event_count(before + count, place_, options_);
    detail::EventFiller events(recording_, place_, "event", count);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint8_t* event = elements.data() + i * layout::event_bytes;
      // A negative coordinate becomes one far outside.
      events.add(static_cast<std::int64_t>(detail::load_le<std::uint64_t>(event)),
                 detail::load_le<std::uint16_t>(event + layout::event_x),
                 detail::load_le<std::uint16_t>(event + layout::event_y),
                 event[layout::event_on] != 0, before + i, part.offset);
    }
    events.finish();
  }

  Bytes content_;
  const Header& header_;
  Recording& recording_;
  const detail::ReadPlace& place_;
  const ReadOptions& options_;
  detail::Unpacker unpacker_;
  std::vector<std::uint8_t> buffer_;
  std::int64_t unpacked_ = 0;           // bytes, of all packets so far
  std::optional<std::int32_t> stream_;  // of the events so far
};

}  // namespace

Recording parse_aedat4(Bytes content, const std::string& name, const ReadOptions& options) {
  const detail::ReadPlace place{"aedat4", name};
  const Header header = read_header(content, place);
  Recording recording{.sensor = {32768, 32768, 2}, .events = {}};
  const auto stream = Packets(content, header, recording, place, options).read_all();
  const std::optional<Sensor> sensor = stated_sensor(header, stream);
  recording.sensor = sensor ? *sensor : detail::smallest_sensor(recording.events, 2);
  detail::finish_recording(recording, place, options);
  return recording;
}

Recording read_aedat4(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_aedat4(detail::read_file("aedat4", path, options.max_bytes), path.string(), options);
}

}  // namespace ranvier
