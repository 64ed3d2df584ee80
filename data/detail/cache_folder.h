// What processes do in a folder of caches that they share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::detail {

inline constexpr const char* cache_suffix = ".rvevents";

/// Holds a file's name against other threads and processes, also if one of them dies. The lock is
/// a file of its own, "<target>.lock", that goes with it.
class NameLock {
 public:
  /// Waits until nobody else holds it. Error (io): the file cannot be made or locked.
  explicit NameLock(const std::filesystem::path& target);
  ~NameLock();
  NameLock(NameLock&&) = default;
  NameLock& operator=(NameLock&&) = delete;

  /// Holds `target` if nobody else does.
  static std::optional<NameLock> if_free(const std::filesystem::path& target);

 private:
  NameLock(std::filesystem::path name, UniqueFd file)
      : name_(std::move(name)), file_(std::move(file)) {}

  std::filesystem::path name_;
  UniqueFd file_;
};

/// Removes the least recently used caches of `folder` but `kept` until all take at most
/// `max_bytes`, and what builders that died have left. Whoever reads a removed file keeps it.
void shrink_folder(const std::filesystem::path& folder, const std::filesystem::path& kept,
                   std::int64_t max_bytes);

}  // namespace ranvier::detail
