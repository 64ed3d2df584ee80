#include "apps/support/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::apps {
namespace {

using ranvier::detail::UniqueFd;

[[noreturn]] void fail_to_write(const char* writer, const std::filesystem::path& path, int reason) {
  fail(ErrorCode::io, "[{}] cannot write {}: {}.", writer, path.string(), std::strerror(reason));
}

// 0, or the errno that says why not all of `content` is in the file.
int write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = write(file, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

// As `write_all` for a file of its own, synced and closed.
int write_new(const std::filesystem::path& path, std::string_view content) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.valid()) return errno;
  if (const int reason = write_all(file.get(), content)) return reason;
  if (fsync(file.get()) != 0) return errno;
  return file.close() == 0 ? 0 : errno;
}

}  // namespace

void replace_file(const char* writer, const std::filesystem::path& path, std::string_view content) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  int reason = write_new(temporary, content);
  if (reason == 0 && rename(temporary.c_str(), path.c_str()) != 0) reason = errno;
  if (reason != 0) {
    unlink(temporary.c_str());
    fail_to_write(writer, path, reason);
  }
  // The rename survives a power cut once the folder is on disk too; where folders cannot be synced
  // the file is still whole.
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const UniqueFd opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.valid()) static_cast<void>(fsync(opened.get()));
}

void append_to_file(const char* writer, const std::filesystem::path& path,
                    std::string_view content) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.valid()) fail_to_write(writer, path, errno);
  if (const int reason = write_all(file.get(), content)) fail_to_write(writer, path, reason);
  if (file.close() != 0) fail_to_write(writer, path, errno);
}

}  // namespace ranvier::apps
