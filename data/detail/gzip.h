// Reading gzip data that may be damaged or hostile.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace ranvier::detail {

/// True if `content` begins as every gzip file does.
bool is_gzip(std::span<const std::uint8_t> content);

/// Unpacks `content` piece by piece, so that the reader decides how much memory its claims are
/// worth. Checksums and the unpacked length are verified at the end. Members may follow each other.
class GzipReader {
 public:
  /// `name` goes into error texts as the file's name.
  GzipReader(std::span<const std::uint8_t> content, std::string name);
  /// The same for content that comes in pieces: `more` returns the next one, which stays valid
  /// until it is called again, and an empty one at the end.
  using More = std::function<std::span<const std::uint8_t>()>;
  GzipReader(More more, std::string name);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// Unpacks up to `out.size()` bytes and returns how many there were; fewer only at the end.
  /// Error: the data are damaged, or the file ends before they do.
  std::int64_t read(std::span<std::uint8_t> out);

  /// Bytes unpacked so far.
  std::int64_t position() const { return position_; }

 private:
  void feed();
  bool next_member();

  std::span<const std::uint8_t> rest_;  // what zlib has not been given yet
  More more_;                           // empty once there is no more
  std::string name_;
  z_stream stream_ = {};
  std::int64_t position_ = 0;
  bool finished_ = false;
};

}  // namespace ranvier::detail
