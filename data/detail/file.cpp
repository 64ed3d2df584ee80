#include "ranvier/data/detail/file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

UniqueFd opened(const char* reader, const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid())
    fail(ErrorCode::io, "[{}] cannot open {}: {}.", reader, path.string(), std::strerror(errno));
  return file;
}

}  // namespace

ReadableFile::ReadableFile(const char* reader, const std::filesystem::path& path)
    : ReadableFile(reader, opened(reader, path), path.string()) {}

ReadableFile::ReadableFile(const char* reader, UniqueFd file, std::string name)
    : reader_(reader), name_(std::move(name)), file_(std::move(file)) {
  struct stat status = {};
  if (fstat(file_.get(), &status) != 0)
    fail(ErrorCode::io, "[{}] cannot inspect {}: {}.", reader_, name_, std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    fail(ErrorCode::io, "[{}] {} must be a regular file.", reader_, name_);
  size_ = status.st_size;
  modified_ = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::string ReadableFile::identity() const {
  return fmt::format("{} {} {}", std::filesystem::path(name_).filename().string(), size_,
                     modified_);
}

std::size_t ReadableFile::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count =
        pread(file_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      fail(ErrorCode::io, "[{}] cannot read {}: {}.", reader_, name_, std::strerror(errno));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

std::vector<std::uint8_t> read_file(const char* reader, const std::filesystem::path& path,
                                    std::int64_t max_bytes) {
  const ReadableFile file(reader, path);
  if (file.size() > max_bytes)
    fail(ErrorCode::format, "[{}] {} has {} bytes; at most {} are accepted.", reader, file.name(),
         file.size(), max_bytes);
  std::vector<std::uint8_t> content(static_cast<std::size_t>(file.size()));
  content.resize(file.read(0, content));  // somebody may have cut the file since
  return content;
}

}  // namespace ranvier::detail
