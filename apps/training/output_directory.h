// The folder that a run writes to.
#pragma once

#include <filesystem>

#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::apps {

/// Creates the folder with its parents and keeps other runs out of it until the result is gone,
/// also by death; nobody is kept out by a file system that has no locks. Errors: the folder cannot
/// be created or written to, or another run writes to it.
ranvier::detail::UniqueFd claim_output_directory(const std::filesystem::path& directory);

}  // namespace ranvier::apps
