#include "ranvier/data/detail/cache_folder.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file_lock.h"

namespace ranvier::detail {
namespace {

namespace fs = std::filesystem;

constexpr int lock_flags = O_RDWR | O_NOFOLLOW;

fs::path lock_name(const fs::path& target) { return target.string() + ".lock"; }

struct CacheOfFolder {
  fs::path path;
  std::int64_t bytes;
  fs::file_time_type used;
};

}  // namespace

NameLock::NameLock(const fs::path& target)
    : name_(lock_name(target)), file_(open_held(name_, lock_flags, IfHeld::wait)) {
  if (!file_.valid())
    fail(ErrorCode::io, "[cache] cannot lock {}: {}.", name_.string(), std::strerror(errno));
}

std::optional<NameLock> NameLock::if_free(const fs::path& target) {
  const fs::path name = lock_name(target);
  UniqueFd file = open_held(name, lock_flags, IfHeld::leave);
  if (!file.valid()) return std::nullopt;
  return NameLock(name, std::move(file));
}

NameLock::~NameLock() {
  if (file_.valid()) unlink(name_.c_str());
}

void shrink_folder(const fs::path& folder, const fs::path& kept, std::int64_t max_bytes) {
  std::vector<CacheOfFolder> caches;
  std::int64_t total = 0;
  std::error_code gone;  // somebody else tidies up too
  for (fs::directory_iterator entry(folder, gone), end; entry != end; entry.increment(gone)) {
    const fs::path path = entry->path();
    if (path.extension() == ".tmp" && path.stem().extension() == cache_suffix) {
      const auto lock = NameLock::if_free(path.parent_path() / path.stem());
      if (lock.has_value()) fs::remove(path, gone);
    }
    if (path.extension() != cache_suffix || !entry->is_regular_file(gone)) continue;
    const auto bytes = static_cast<std::int64_t>(entry->file_size(gone));
    caches.push_back({path, gone ? 0 : bytes, entry->last_write_time(gone)});
    total += caches.back().bytes;
  }
  std::ranges::sort(caches, {}, &CacheOfFolder::used);
  for (const CacheOfFolder& cache : caches) {
    if (total <= max_bytes) return;
    if (cache.path == kept) continue;
    const auto lock = NameLock::if_free(cache.path);
    if (!lock.has_value()) continue;  // who built it has yet to open it
    if (fs::remove(cache.path, gone)) total -= cache.bytes;
  }
}

}  // namespace ranvier::detail
