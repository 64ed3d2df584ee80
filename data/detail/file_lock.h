// Files that one writer at a time holds.
#pragma once

#include <cstdint>
#include <filesystem>

#include "ranvier/data/detail/unique_fd.h"

namespace ranvier::detail {

/// What to do about a file that somebody else holds.
enum class IfHeld : std::uint8_t { wait, leave };

/// Opens the file `name` with `flags` of open(2), made if it is not there, and holds it against all
/// threads and processes that open it so, until every copy of the result is closed, also by death.
/// Nobody is kept out by a file system that has no locks. Not valid, with the reason in errno: it
/// cannot be opened or locked; EWOULDBLOCK: somebody else holds it.
UniqueFd open_held(const std::filesystem::path& name, int flags, IfHeld if_held);

}  // namespace ranvier::detail
