// Pieces of a long AEDAT 3.1 recording, read without the rest of it.
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include "ranvier/data/formats/detail/aedat3_packets.h"

namespace ranvier::detail {

/// Knows after one pass over the file which packet holds which times, and holds one packet at a
/// time in memory. Several threads may read at once; the file is open only while they do.
class Aedat3File {
 public:
  Aedat3File(std::filesystem::path path, const Sensor& sensor)
      : path_(std::move(path)), sensor_(sensor) {}

  /// Overwrites `events` with those whose times are in [begin, end), in the order of time; times
  /// then count from `begin`. Errors: those of `read_aedat3`; but packets without such events may
  /// hold wrong ones, and the file be damaged after the first time from `end` on.
  void read(std::int64_t begin, std::int64_t end, Events& events) const;

 private:
  struct Entry {
    Aedat3Packet packet;
    std::int64_t earliest, latest;
  };

  class Open;
  void make_index(Open& file) const;

  std::filesystem::path path_;
  Sensor sensor_;
  mutable std::once_flag indexed_;
  mutable std::vector<Entry> index_;
  mutable std::int64_t last_time_ = INT64_MIN;  // of the packets that could be read
  mutable std::exception_ptr damage_;           // that ended them
};

}  // namespace ranvier::detail
