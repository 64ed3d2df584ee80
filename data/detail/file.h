// Whole files, read with every step checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace ranvier::detail {

/// The content of a regular file. Errors, tagged with `reader`: it cannot be opened or read, is no
/// regular file, or has more than `max_bytes`.
std::vector<std::uint8_t> read_file(const char* reader, const std::filesystem::path& path,
                                    std::int64_t max_bytes);

}  // namespace ranvier::detail
