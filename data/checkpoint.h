// Checkpoints: named tensors and what else a run has to remember, in one HDF5 file that is either
// complete or not there. h5dump, h5py and their like read it: a data set per tensor in the group
// "tensors", and the text "metadata".
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "ranvier/core/named_tensor.h"

namespace ranvier {

/// What a checkpoint keeps.
struct Checkpoint {
  NamedTensors tensors;         ///< names differ, of printable ASCII without '/'
  std::string metadata = "{}";  ///< JSON: counters, options, the generator's state, ...
};

/// Writes `checkpoint` to a temporary file beside `path`, syncs it and renames it to `path`: after
/// any failure, `path` is what it was before. Tensors are stored bit by bit. Errors: the file
/// cannot be written (no such folder, no permission, disk full), a bad tensor name, metadata not
/// JSON.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Reads what `save_checkpoint` wrote, tensors on the CPU. Errors: the file cannot be read, is not
/// a checkpoint of ours, is of another format version, truncated, or damaged.
Checkpoint load_checkpoint(const std::filesystem::path& path);

}  // namespace ranvier
