// A file that takes another's place when it is complete, and leaves no trace otherwise.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::detail {

/// Writes "<target>.tmp" and renames it: a crash or a full disk at any moment leaves `target`
/// whole, old or new. Who writes the same target at the same time, in any process, takes
/// "<target>.tmp2" and so on, and the last one to finish counts. What a writer that died has left
/// is written over. Errors (io) are tagged with `writer`, name file and reason, and leave `target`
/// alone.
class Replacement {
 public:
  /// Error: the temporary file cannot be created.
  Replacement(const char* writer, std::filesystem::path target);
  ~Replacement();
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void write(std::span<const std::uint8_t> bytes);
  /// Writes over bytes that were written before, from `offset` on: a header that says what follows.
  void overwrite(std::uint64_t offset, std::span<const std::uint8_t> bytes);
  /// Syncs the file, renames it and syncs its folder.
  void finish();

 private:
  [[noreturn]] void give_up(const char* step);

  const char* writer_;
  const std::filesystem::path target_;
  std::string name_;
  UniqueFd file_;
  UniqueFd held_;  // the same file, so that nobody takes its name before it is renamed
  bool done_ = false;
};

}  // namespace ranvier::detail
