#include "ranvier/data/detail/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace ranvier::detail {
namespace {

/// False if it was removed or renamed before it was locked, as its last holder may have done.
bool is_current(const UniqueFd& file, const std::filesystem::path& name) {
  struct stat held = {}, named = {};
  return fstat(file.get(), &held) == 0 && stat(name.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/// 0, or the errno that says why not.
int lock(const UniqueFd& file, IfHeld if_held) {
  const int operation = if_held == IfHeld::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  while (flock(file.get(), operation) != 0) {
    if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP) return 0;  // there are no locks
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

UniqueFd open_held(const std::filesystem::path& name, int flags, IfHeld if_held) {
  while (true) {
    UniqueFd file(open(name.c_str(), flags | O_CREAT | O_CLOEXEC, 0666));
    if (!file.valid()) return file;
    if (const int reason = lock(file, if_held)) {
      file.close();
      errno = reason;
      return file;
    }
    if (is_current(file, name)) return file;
  }
}

}  // namespace ranvier::detail
