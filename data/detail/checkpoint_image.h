// The writing side of checkpoints: an HDF5 file in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "ranvier/data/checkpoint.h"
#include "ranvier/data/detail/checkpoint_header.h"

namespace ranvier::detail {

/// Builds the file of `checkpoint` in memory, where HDF5 cannot fail halfway on a full disk, and
/// hands it to `use` with the place of its contents table; the first `checkpoint_header_size` bytes
/// are left to the header. `file` goes into errors.
void with_checkpoint_image(
    const std::string& file, const Checkpoint& checkpoint,
    const std::function<void(std::span<const std::uint8_t>, const FilePiece&)>& use);

}  // namespace ranvier::detail
