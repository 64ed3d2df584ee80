// Files that may be gzipped, opened for reading at any place.
#pragma once

#include <filesystem>
#include <string>

#include "ranvier/data/detail/file.h"

namespace ranvier::detail {

/// `folder`/`stem`, plain or with the suffix .gz, or an empty path.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& stem);

/// `file`, or, if it is gzipped, its unpacked content in a temporary file that has no name (in
/// TMPDIR, else /tmp) and goes with the result: a file of gigabytes then needs no memory. Errors,
/// tagged with `reader`: more than `max_bytes`, packed or not; damage; no room for the temporary
/// file.
ReadableFile plain_file(const char* reader, ReadableFile file, std::int64_t max_bytes);

}  // namespace ranvier::detail
