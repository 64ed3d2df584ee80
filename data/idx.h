// Reader of IDX files, the format of MNIST and its relatives: two zero bytes, the element type, the
// rank, a big-endian u32 per extent, the elements. http://yann.lecun.com/exdb/mnist
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// What an IDX file must be like.
struct IdxOptions {
  int rank = 0;                                    ///< its number of axes; 0 accepts any
  std::int64_t max_bytes = std::int64_t{1} << 32;  ///< refuses files with more elements
};

/// Reads an IDX file of bytes, plain or gzipped, as a u8 tensor of the shape it declares. Errors:
/// the file cannot be read, is damaged or truncated, declares another type, rank or length than it
/// has, or is named *.gz without being gzipped.
Tensor read_idx(const std::filesystem::path& path, const IdxOptions& options = {});

/// As `read_idx`, from the content of a file; `name` stands for the file in error texts.
Tensor parse_idx(std::span<const std::uint8_t> content, const std::string& name,
                 const IdxOptions& options = {});

}  // namespace ranvier
