// What every pooling operation is to its kernels: a range of rows and of columns per output.
#pragma once

#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier::detail {

// CUDA kernels count in `int`, because they divide, and 64-bit divisions are long.

/// The inputs [begin, end) along one axis that make one output.
template <class Index>
struct Window {
  Index begin;
  Index end;
  Index extent;  ///< what a mean divides by along this axis; padding counts
};

/// Outputs [begin, end) along one axis.
template <class Index>
struct WindowRange {
  Index begin, end;
};

/// The windows along an axis of `size` inputs: sliding ones, or with a kernel of 0 those that cut
/// the axis into `outputs` parts, [floor(i size / outputs), ceil((i + 1) size / outputs)).
template <class Index>
struct Windows {
  Index size, outputs;
  Index kernel, stride, padding;

  RV_HD Window<Index> operator[](Index i) const {
    if (kernel == 0) {
      const Index begin = i * size / outputs;
      const Index end = ((i + 1) * size + outputs - 1) / outputs;
      return {begin, end, end - begin};
    }
    const Index begin = i * stride - padding, end = begin + kernel;
    return {begin < 0 ? 0 : begin, end > size ? size : end, kernel};
  }

  /// The windows that hold `input`.
  RV_HD WindowRange<Index> covering(Index input) const {
    if (kernel == 0) return {input * outputs / size, ((input + 1) * outputs - 1) / size + 1};
    const Index from_first = input + padding;
    const Index begin =
        from_first < kernel ? 0 : (from_first - kernel) / stride + 1;  // the first that reaches it
    const Index end = from_first / stride + 1;
    return {begin, end > outputs ? outputs : end};
  }
};

/// A pooling of `images` images [height, width, channels] to [rows.outputs, columns.outputs,
/// channels].
struct PoolPlan {
  std::int64_t images, channels;
  Windows<std::int64_t> rows, columns;

  std::int64_t outputs() const { return rows.outputs * columns.outputs; }  ///< of an image
  std::int64_t inputs() const { return rows.size * columns.size; }
};

/// Whether a value takes the place of the largest so far. NaN does, so that it is noticed.
template <class T>
RV_HD bool beats(T value, T best) {
  return value > best || value != value;
}

}  // namespace ranvier::detail
