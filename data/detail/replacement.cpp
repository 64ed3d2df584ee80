#include "ranvier/data/detail/replacement.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ranvier/core/error.h"

namespace ranvier::detail {

Replacement::Replacement(const char* writer, std::filesystem::path target)
    : writer_(writer),
      target_(std::move(target)),
      name_(target_.string() + ".tmp"),
      file_(open(name_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (!file_.valid()) give_up("create");
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
