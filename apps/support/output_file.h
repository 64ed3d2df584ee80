// Files that are whole at every moment, whenever a program is killed.
#pragma once

#include <filesystem>
#include <string_view>

namespace ranvier::apps {

/// Makes `content` that of the file `path`: writes `path`.tmp, syncs it and renames it, so that a
/// crash leaves the old content or the new. Error (io, tagged with `writer`): the folder is
/// missing, unwritable or full (names file and reason); the old content stays.
void replace_file(const char* writer, const std::filesystem::path& path, std::string_view content);

/// Appends `content` to the existing file `path`. Error (io, tagged with `writer`): that fails; a
/// part of `content` may then be there.
void append_to_file(const char* writer, const std::filesystem::path& path,
                    std::string_view content);

}  // namespace ranvier::apps
