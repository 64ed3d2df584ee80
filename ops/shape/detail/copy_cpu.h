// The CPU's moves of elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ranvier::detail {

/// `rows` runs of `bytes` bytes at regular distances.
struct RowCopy {
  std::int64_t rows;
  std::int64_t bytes;
  std::int64_t to_stride;    ///< bytes
  std::int64_t from_stride;  ///< bytes
};
void copy_rows_cpu(const RowCopy& copy, std::byte* to, const std::byte* from);

/// A contiguous result whose axis i steps through the source by `stride` elements (0: repeats).
struct StridedAxis {
  std::int64_t extent;
  std::int64_t stride;
};
/// Fills the contiguous array `to`. `element` is 1, 2, 4 or 8 bytes.
void strided_copy_cpu(const std::vector<StridedAxis>& axes, std::int64_t element, std::byte* to,
                      const std::byte* from);

/// The same sequence of `count` spikes in packed rows of another length. Whole words are shifted
/// into place, so that it costs about an instruction or two per 64-bit word or row, whichever are
/// more.
void repack_rows_cpu(std::int64_t count, std::int64_t from_columns, std::int64_t to_columns,
                     const std::uint64_t* from, std::uint64_t* to);

/// Copies row `indices[i]` of `from` to row i of `to`.
void gather_rows_cpu(std::int64_t count, const std::int64_t* indices, std::int64_t row_bytes,
                     std::byte* to, const std::byte* from);

}  // namespace ranvier::detail
