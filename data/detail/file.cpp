#include "ranvier/data/detail/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::detail {

std::vector<std::uint8_t> read_file(const char* reader, const std::filesystem::path& path,
                                    std::int64_t max_bytes) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid())
    fail(ErrorCode::io, "[{}] cannot open {}: {}.", reader, path.string(), std::strerror(errno));
  struct stat status = {};
  if (fstat(file.get(), &status) != 0)
    fail(ErrorCode::io, "[{}] cannot inspect {}: {}.", reader, path.string(), std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    fail(ErrorCode::io, "[{}] {} must be a regular file.", reader, path.string());
  if (status.st_size > max_bytes)
    fail(ErrorCode::format, "[{}] {} has {} bytes; at most {} are accepted.", reader, path.string(),
         status.st_size, max_bytes);

  std::vector<std::uint8_t> content(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = read(file.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      fail(ErrorCode::io, "[{}] cannot read {}: {}.", reader, path.string(), std::strerror(errno));
    if (count == 0) break;  // somebody cut the file while we read it
    done += static_cast<std::size_t>(count);
  }
  content.resize(done);
  return content;
}

}  // namespace ranvier::detail
