// The file behind a cache of events.
//
//   first line "Ranvier events, format 1\n", filled with spaces to 32 bytes
//   recordings, packed (event_packing.h), some compressed with zstd
//   index: u64 length of the key, the key, u64 recordings,
//          for each: u64 events (2^64 - 1: it could not be read), u64 bytes packed,
//          u64 bytes in this file (fewer than packed: compressed), u64 checksum of those
//   u64 offset of the index, u64 its bytes, u64 its checksum, "RVEVENTS"
//
// A recording begins where the one before it ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ranvier/data/detail/event_packing.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/detail/replacement.h"

namespace ranvier::detail {

inline constexpr int event_cache_format = 1;

/// What the index says of a recording.
struct CacheEntry {
  std::uint64_t events = 0, packed_bytes = 0, stored_bytes = 0, checksum = 0;
  std::uint64_t offset = 0;  // of the stored bytes; not in the file
};

/// Recordings one after another into a file that takes its place when it is complete.
class EventCacheWriter {
 public:
  EventCacheWriter(const std::filesystem::path& target, const Sensor& sensor, bool compress);

  /// Error: io; the recording is larger than a recording may be.
  void add(const Events& events);
  /// A recording that could not be read.
  void add_unreadable();
  void finish(const std::string& key);

  /// Bytes written so far, and those of the index that will follow.
  std::uint64_t bytes() const { return offset_ + index_.size(); }

 private:
  Replacement file_;
  const Sensor sensor_;
  const bool compress_;
  std::uint64_t offset_ = 0;  // where the next recording begins
  std::uint64_t recordings_ = 0;
  std::vector<std::uint8_t> index_, packed_, stored_;
};

/// A complete file, of which nothing is believed before it is checked. Thread-safe.
class EventCacheFile {
 public:
  /// Errors: io; format: not a cache, damaged in its index, of another format version, key or
  /// number of recordings.
  EventCacheFile(const std::filesystem::path& path, const Sensor& sensor, const std::string& key,
                 std::int64_t recordings);

  /// False if the recording could not be read when the file was made.
  bool has(std::int64_t index) const;
  /// Error (format): the recording is damaged.
  void read(std::int64_t index, Events& events) const;
  /// Writes `events`, what recording `index` ought to be, over it, if they are what was there
  /// before and the file may be written.
  void mend(std::int64_t index, const Events& events) const noexcept;
  /// Makes the file the last used one of its folder, if that may be written.
  void touch() const noexcept;

 private:
  void parse_index(const std::string& key, std::int64_t recordings);

  UniqueFd writable_;  // none if the file may only be read
  ReadableFile file_;
  const Sensor sensor_;
  std::vector<CacheEntry> entries_;
};

}  // namespace ranvier::detail
