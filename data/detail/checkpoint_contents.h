// The contents table of a checkpoint: where in the file each tensor's bytes lie. Our loader reads
// by this table alone and leaves the HDF5 structures to other programs: the HDF5 library was not
// made for hostile files (nine of 20000 mutated ones made version 1.10.8 crash).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/core/dtype.h"
#include "ranvier/core/shape.h"
#include "ranvier/data/detail/checkpoint_header.h"

namespace ranvier::detail {

struct TensorPlace {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  FilePiece piece;
};

struct CheckpointContents {
  std::vector<TensorPlace> tensors;
  FilePiece metadata;
};

std::string contents_to_json(const CheckpointContents& contents);

/// Error, naming `file`: not a table, or one that cannot be that of a file of `file_bytes` bytes.
CheckpointContents parse_contents(const std::string& json, std::uint64_t file_bytes,
                                  const std::string& file);

/// True if a tensor may have this name: it becomes the name of an HDF5 data set.
bool valid_tensor_name(const std::string& name);

}  // namespace ranvier::detail
