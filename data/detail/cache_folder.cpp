#include "ranvier/data/detail/cache_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

namespace fs = std::filesystem;

fs::path lock_name(const fs::path& target) { return target.string() + ".lock"; }

/// True if `file` is still the one that `name` names: its last holder removes it.
bool is_current(const UniqueFd& file, const fs::path& name) {
  struct stat held = {}, named = {};
  return fstat(file.get(), &held) == 0 && stat(name.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

UniqueFd open_lock(const fs::path& name) {
  return UniqueFd(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
}

struct CacheOfFolder {
  fs::path path;
  std::int64_t bytes;
  fs::file_time_type used;
};

}  // namespace

NameLock::NameLock(const fs::path& target) : name_(lock_name(target)) {
  do {
    file_ = open_lock(name_);
    int status = -1;
    while (file_.valid() && (status = flock(file_.get(), LOCK_EX)) != 0 && errno == EINTR) {
    }
    if (status != 0)
      fail(ErrorCode::io, "[cache] cannot lock {}: {}.", name_.string(), std::strerror(errno));
  } while (!is_current(file_, name_));
}

std::optional<NameLock> NameLock::if_free(const fs::path& target) {
  const fs::path name = lock_name(target);
  UniqueFd file = open_lock(name);
  if (!file.valid() || flock(file.get(), LOCK_EX | LOCK_NB) != 0 || !is_current(file, name))
    return std::nullopt;
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
    if (fs::remove(cache.path, gone)) total -= cache.bytes;
  }
}

}  // namespace ranvier::detail
