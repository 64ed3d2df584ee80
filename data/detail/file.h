// Files of others, read with every step checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::detail {

/// A regular file, open for reading at any place, from several threads at once.
class ReadableFile {
 public:
  /// Errors (io), tagged with `reader`: it cannot be opened or is no regular file.
  ReadableFile(const char* reader, const std::filesystem::path& path);
  /// A file that is open already and called `name` in errors.
  ReadableFile(const char* reader, UniqueFd file, std::string name);

  const std::string& name() const { return name_; }
  /// Bytes it had when it was opened.
  std::int64_t size() const { return size_; }
  /// Text that changes when the file does: last part of its name, bytes, time of its last change.
  std::string identity() const;
  /// Fills `out` from byte `offset` on and returns how many bytes there were; fewer only at the
  /// end. Error (io): it cannot be read.
  std::size_t read(std::uint64_t offset, std::span<std::uint8_t> out) const;

 private:
  const char* reader_;
  std::string name_;
  UniqueFd file_;
  std::int64_t size_ = 0;
  std::int64_t modified_ = 0;  // nanoseconds
};

/// The content of a regular file. Errors, tagged with `reader`: those of `ReadableFile`; it has
/// more than `max_bytes`.
std::vector<std::uint8_t> read_file(const char* reader, const std::filesystem::path& path,
                                    std::int64_t max_bytes);

}  // namespace ranvier::detail
