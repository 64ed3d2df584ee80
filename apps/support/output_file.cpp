#include "apps/support/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/replacement.h"
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

}  // namespace

void replace_file(const char* writer, const std::filesystem::path& path, std::string_view content) {
  ranvier::detail::Replacement file(writer, path);
  file.write({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
  file.finish();
}

void append_to_file(const char* writer, const std::filesystem::path& path,
                    std::string_view content) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.valid()) fail_to_write(writer, path, errno);
  if (const int reason = write_all(file.get(), content)) fail_to_write(writer, path, reason);
  if (file.close() != 0) fail_to_write(writer, path, errno);
}

}  // namespace ranvier::apps
