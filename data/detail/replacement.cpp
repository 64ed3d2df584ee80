#include "ranvier/data/detail/replacement.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file_lock.h"

namespace ranvier::detail {

Replacement::Replacement(const char* writer, std::filesystem::path target)
    : writer_(writer), target_(std::move(target)) {
  for (int number = 1; !file_.valid(); ++number) {
    name_ = target_.string() + ".tmp" + (number == 1 ? "" : std::to_string(number));
    file_ = open_held(name_, O_WRONLY, IfHeld::leave);
    if (!file_.valid() && errno != EWOULDBLOCK) give_up("create");
  }
  // What a writer that died has left. EINVAL: no regular file, so it has no end.
  if (ftruncate(file_.get(), 0) != 0 && errno != EINVAL) give_up("empty");
}

Replacement::~Replacement() {
  if (!done_) unlink(name_.c_str());
}

void Replacement::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) give_up("write");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void Replacement::overwrite(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) give_up("write");
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void Replacement::finish() {
  if (fsync(file_.get()) != 0) give_up("sync");
  held_ = UniqueFd(fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  if (file_.close() != 0) give_up("close");
  if (rename(name_.c_str(), target_.c_str()) != 0) give_up("rename");
  done_ = true;
  // The new name must survive a power failure too. Some file systems cannot sync folders.
  const auto folder = target_.has_parent_path() ? target_.parent_path() : ".";
  const UniqueFd entry(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (entry.valid() && fsync(entry.get()) != 0 && errno != EINVAL)
    fail(ErrorCode::io, "[{}] {} was written, but its folder cannot be synced: {}.", writer_,
         target_.string(), std::strerror(errno));
}

void Replacement::give_up(const char* step) {
  fail(ErrorCode::io, "[{}] cannot {} {}: {}. {} was not touched.", writer_, step, name_,
       std::strerror(errno), target_.string());
}

}  // namespace ranvier::detail
