#include "ranvier/data/detail/plain_file.h"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/gzip.h"

namespace ranvier::detail {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20;

UniqueFd make_temporary_file(const char* reader, const std::string& file) {
  std::error_code ignored;
  std::string name =
      (std::filesystem::temp_directory_path(ignored) / "ranvier-unpacked-XXXXXX").string();
  UniqueFd temporary(mkostemp(name.data(), O_CLOEXEC));
  if (!temporary.valid())
    fail(ErrorCode::io, "[{}] cannot unpack {}: cannot create {}: {}.", reader, file, name,
         std::strerror(errno));
  unlink(name.c_str());
  return temporary;
}

void write_all(const char* reader, const std::string& file, const UniqueFd& out,
               std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(out.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      fail(ErrorCode::io, "[{}] cannot unpack {} to a temporary file: {}; TMPDIR names its folder.",
           reader, file, std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& stem) {
  for (const char* suffix : {"", ".gz"}) {
    std::filesystem::path candidate = folder / (stem + suffix);
    std::error_code ignored;
    if (std::filesystem::exists(candidate, ignored)) return candidate;
  }
  return {};
}

ReadableFile plain_file(const char* reader, ReadableFile file, std::int64_t max_bytes) {
  if (file.size() > max_bytes)
    fail(ErrorCode::format, "[{}] {} has {} bytes; at most {} are accepted.", reader, file.name(),
         file.size(), max_bytes);
  std::vector<std::uint8_t> packed(piece_bytes);
  std::uint64_t position = 0;
  const auto more = [&]() -> std::span<const std::uint8_t> {
    const std::size_t count = file.read(position, packed);
    position += count;
    return std::span(packed).first(count);
  };
  if (!is_gzip(more())) return file;

  position = 0;
  GzipReader unpacker(more, file.name());
  UniqueFd temporary = make_temporary_file(reader, file.name());
  std::vector<std::uint8_t> plain(piece_bytes);
  while (const auto count = static_cast<std::size_t>(unpacker.read(plain))) {
    if (unpacker.position() > max_bytes)
      fail(ErrorCode::format, "[{}] {} unpacks to more than {} bytes.", reader, file.name(),
           max_bytes);
    write_all(reader, file.name(), temporary, std::span(plain).first(count));
  }
  return ReadableFile(reader, std::move(temporary), file.name());
}

}  // namespace ranvier::detail
