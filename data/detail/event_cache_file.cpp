#include "ranvier/data/detail/event_cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/checksum.h"
#include "ranvier/data/detail/event_compression.h"
#include "ranvier/data/formats/detail/bytes.h"

namespace ranvier::detail {
namespace {

constexpr std::size_t head_bytes = 32, foot_bytes = 32, entry_bytes = 32;
constexpr std::uint64_t unreadable = ~std::uint64_t{0};
// Reading takes the packed bytes of a recording and four times as much for its columns.
constexpr std::uint64_t max_packed_bytes = std::uint64_t{1} << 30;
constexpr std::string_view end_mark = "RVEVENTS";

std::string head() {
  std::string text = fmt::format("Ranvier events, format {}\n", event_cache_format);
  text.resize(head_bytes, ' ');
  return text;
}

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void append(std::vector<std::uint8_t>& bytes, std::string_view text) {
  bytes.insert(bytes.end(), text.begin(), text.end());
}

UniqueFd open_file(const std::filesystem::path& path, int mode) {
  return UniqueFd(open(path.c_str(), mode | O_CLOEXEC | O_NONBLOCK));
}

UniqueFd readable(const UniqueFd& writable, const std::filesystem::path& path) {
  UniqueFd file = writable.valid() ? UniqueFd(fcntl(writable.get(), F_DUPFD_CLOEXEC, 0))
                                   : open_file(path, O_RDONLY);
  if (!file.valid())
    fail(ErrorCode::io, "[cache] cannot open {}: {}.", path.string(), std::strerror(errno));
  return file;
}

/// The buffers of the calling thread: as large as the longest recording it has met.
struct Buffers {
  std::vector<std::uint8_t> stored, packed;
};
Buffers& buffers() {
  thread_local Buffers mine;
  return mine;
}

}  // namespace

EventCacheWriter::EventCacheWriter(const std::filesystem::path& target, const Sensor& sensor,
                                   bool compress)
    : file_("cache", target), sensor_(sensor), compress_(compress) {
  file_.write(bytes_of(head()));
  offset_ = head_bytes;
}

void EventCacheWriter::add(const Events& events) {
  pack_events(events, sensor_, packed_);
  RV_CHECK(packed_.size() <= max_packed_bytes,
           "[cache] recording {} has {} events, {} bytes; at most {} bytes are accepted: crop it.",
           recordings_, events.size(), packed_.size(), max_packed_bytes);
  if (compress_) compress_events(packed_, stored_);
  const std::vector<std::uint8_t>& stored = compress_ ? stored_ : packed_;
  file_.write(stored);
  append_le(index_, static_cast<std::uint64_t>(events.size()));
  append_le(index_, std::uint64_t{packed_.size()});
  append_le(index_, std::uint64_t{stored.size()});
  append_le(index_, checksum_of(stored));
  offset_ += stored.size();
  ++recordings_;
}

void EventCacheWriter::add_unreadable() {
  append_le(index_, unreadable);
  for (int i = 0; i < 3; ++i) append_le(index_, std::uint64_t{0});
  ++recordings_;
}

void EventCacheWriter::finish(const std::string& key) {
  std::vector<std::uint8_t> front, foot;
  append_le(front, std::uint64_t{key.size()});
  append(front, key);
  append_le(front, recordings_);
  index_.insert(index_.begin(), front.begin(), front.end());
  append_le(foot, offset_);
  append_le(foot, std::uint64_t{index_.size()});
  append_le(foot, checksum_of(index_));
  append(foot, end_mark);
  file_.write(index_);
  file_.write(foot);
  file_.finish();
}

EventCacheFile::EventCacheFile(const std::filesystem::path& path, const Sensor& sensor,
                               const std::string& key, std::int64_t recordings)
    : writable_(open_file(path, O_RDWR)),
      file_("cache", readable(writable_, path), path.string()),
      sensor_(sensor) {
  parse_index(key, recordings);
}

void EventCacheFile::parse_index(const std::string& key, std::int64_t recordings) {
  const auto require = [&](bool condition, const char* otherwise) {
    if (!condition) fail(ErrorCode::format, "[cache] {}: {}.", file_.name(), otherwise);
  };
  const auto size = static_cast<std::uint64_t>(file_.size());
  std::array<std::uint8_t, head_bytes> begin{};
  std::array<std::uint8_t, foot_bytes> end{};
  require(size >= head_bytes + foot_bytes, "it is too short for a cache");
  file_.read(0, begin);
  file_.read(size - foot_bytes, end);
  require(std::ranges::equal(begin, bytes_of(head())), "it is no cache of this format version");
  require(std::ranges::equal(std::span(end).last(end_mark.size()), bytes_of(end_mark)),
          "it ends before its end");

  const auto offset = load_le<std::uint64_t>(end.data());
  const auto bytes = load_le<std::uint64_t>(end.data() + 8);
  require(
      offset >= head_bytes && offset <= size - foot_bytes && bytes == size - foot_bytes - offset,
      "its index lies elsewhere");
  const auto expected = static_cast<std::uint64_t>(recordings);
  require(bytes == 16 + key.size() + expected * entry_bytes, "its index has another length");
  std::vector<std::uint8_t> index(bytes);
  require(file_.read(offset, index) == bytes, "it became shorter while it was read");
  require(checksum_of(index) == load_le<std::uint64_t>(end.data() + 16), "its index is damaged");

  const std::uint8_t* at = index.data();
  require(load_le<std::uint64_t>(at) == key.size() &&
              std::ranges::equal(Bytes(at + 8, key.size()), bytes_of(key)) &&
              load_le<std::uint64_t>(at + 8 + key.size()) == expected,
          "it was made of something else");
  at += 16 + key.size();
  entries_.resize(expected);
  std::uint64_t place = head_bytes;
  for (CacheEntry& entry : entries_) {
    entry = {load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8),
             load_le<std::uint64_t>(at + 16), load_le<std::uint64_t>(at + 24), place};
    require(entry.packed_bytes <= max_packed_bytes && entry.stored_bytes <= entry.packed_bytes &&
                entry.packed_bytes <= entry.stored_bytes * max_compression &&
                entry.stored_bytes <= offset - place,
            "a recording has an impossible length");
    place += entry.stored_bytes;
    at += entry_bytes;
  }
  require(place == offset, "its recordings do not fill it");
}

bool EventCacheFile::has(std::int64_t index) const {
  return entries_[static_cast<std::size_t>(index)].events != unreadable;
}

void EventCacheFile::read(std::int64_t index, Events& events) const {
  const CacheEntry& entry = entries_[static_cast<std::size_t>(index)];
  const PackedPlace place{file_.name(), index};
  auto& [stored, packed] = buffers();
  stored.resize(entry.stored_bytes);
  require(file_.read(entry.offset, stored) == stored.size(), place, "the file ends before it");
  require(checksum_of(stored) == entry.checksum, place, "its checksum is another");
  const bool plain = entry.stored_bytes == entry.packed_bytes;
  if (!plain) decompress_events(stored, entry.packed_bytes, place, packed);
  unpack_events(plain ? stored : packed, entry.events, sensor_, place, events);
}

void EventCacheFile::mend(std::int64_t index, const Events& events) const noexcept try {
  if (!writable_.valid()) return;
  const CacheEntry& entry = entries_[static_cast<std::size_t>(index)];
  auto& [stored, packed] = buffers();
  pack_events(events, sensor_, packed);
  const bool plain = entry.stored_bytes == entry.packed_bytes;
  if (!plain) compress_events(packed, stored);
  const std::vector<std::uint8_t>& bytes = plain ? packed : stored;
  if (bytes.size() != entry.stored_bytes || checksum_of(bytes) != entry.checksum) return;
  // A part of it is found by the checksum, as is the damage if nothing can be written.
  const ssize_t written =
      pwrite(writable_.get(), bytes.data(), bytes.size(), static_cast<off_t>(entry.offset));
  static_cast<void>(written);
} catch (...) {  // no memory: the source has the recording
}

void EventCacheFile::touch() const noexcept {
  if (writable_.valid()) static_cast<void>(futimens(writable_.get(), nullptr));
}

}  // namespace ranvier::detail
