// How arrays lie in memory, for operations that move elements without looking at them.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// An array as elements of 1, 2, 4 or 8 bytes. Packed spikes are 64-bit words: their last axis
/// counts words, their other axes are those of the tensor.
struct Layout {
  Shape shape;
  std::int64_t element = 0;  ///< bytes

  /// Bytes of one step along `axis`.
  std::int64_t stride(int axis) const {
    return shape.sub(axis + 1, shape.rank()).numel() * element;
  }
};

inline Layout layout_of(const Shape& shape, DType dtype) {
  if (dtype != DType::bits) return {shape, element_size(dtype)};
  return {shape.rank() == 0 ? shape : shape.with(-1, words_per_row(shape[-1])), 8};
}

/// Spikes of a packed row; a scalar is a row of one.
inline std::int64_t packed_columns(const Shape& shape) { return shape.rank() == 0 ? 1 : shape[-1]; }

/// Packed spikes can be cut and joined between rows only. Error: `axis` is the last of packed x.
inline void require_whole_rows(const char* op, const Tensor& x, int axis) {
  RV_CHECK(x.dtype() != DType::bits || axis != x.rank() - 1,
           "[{}] packed spikes work along leading axes only; got axis {}, the last of {}.", op,
           axis, x.shape());
}

}  // namespace ranvier::detail
