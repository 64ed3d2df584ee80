#include "ranvier/data/formats/detail/aedat3_file.h"

#include <algorithm>
#include <utility>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/aedat_header.h"

namespace ranvier::detail {

/// The open file and room for a piece of it.
class Aedat3File::Open {
 public:
  explicit Open(const std::filesystem::path& path) : file_("aedat3", path) {}

  std::int64_t size() const { return file_.size(); }
  ReadPlace place() const { return {"aedat3", file_.name()}; }
  /// Bytes [offset, offset + count), good until the next call.
  Bytes fetch(std::int64_t offset, std::int64_t count) {
    if (static_cast<std::size_t>(count) > buffer_.size())
      buffer_.resize(static_cast<std::size_t>(count));
    const std::span<std::uint8_t> piece(buffer_.data(), static_cast<std::size_t>(count));
    if (file_.read(static_cast<std::uint64_t>(offset), piece) != piece.size())
      fail(ErrorCode::io, "[aedat3] {} became shorter while it was read.", file_.name());
    return piece;
  }

 private:
  ReadableFile file_;
  std::vector<std::uint8_t> buffer_;
};

void Aedat3File::make_index(Open& file) const try {
  index_.clear();  // of an attempt that the disk ended
  last_time_ = INT64_MIN;
  const ReadPlace place = file.place();
  const Aedat3Header header =
      parse_aedat3_header(file.fetch(0, std::min(file.size(), most_aedat_header_bytes)), place);
  for_each_aedat3_packet(
      header.size, file.size(), place,
      [&](std::int64_t offset, std::int64_t count) { return file.fetch(offset, count); },
      [&](const Aedat3Packet& packet, Bytes events) {
        if (packet.count == 0) return;
        Entry entry{packet, INT64_MAX, INT64_MIN};
        for (std::int64_t i = 0; i < packet.count; ++i) {
          const std::int64_t t = aedat3_time(packet, events.data() + i * aedat3_event_bytes);
          entry.earliest = std::min(entry.earliest, t);
          entry.latest = std::max(entry.latest, t);
        }
        last_time_ = std::max(last_time_, entry.latest);
        index_.push_back(entry);
      });
} catch (const Error& error) {
  if (error.code() != ErrorCode::format) throw;
  damage_ = std::current_exception();
}

void Aedat3File::read(std::int64_t begin, std::int64_t end, Events& events) const {
  Open file(path_);
  std::call_once(indexed_, [&] { make_index(file); });
  if (damage_ && end > last_time_) std::rethrow_exception(damage_);
  Recording recording{.sensor = sensor_, .events = std::move(events)};
  recording.events.clear();
  const ReadPlace place = file.place();
  for (const Entry& entry : index_)
    if (entry.latest >= begin && entry.earliest < end)
      add_aedat3_events(entry.packet,
                        file.fetch(entry.packet.offset, entry.packet.count * aedat3_event_bytes),
                        begin, end, recording, place);
  finish_recording(recording, place, {});
  events = std::move(recording.events);
}

}  // namespace ranvier::detail
