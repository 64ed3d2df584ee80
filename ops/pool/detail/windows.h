// What every pooling operation is to its kernels: a range of rows and of columns per output.
#pragma once

#include <cstdint>
#include <vector>

namespace ranvier::detail {

/// The inputs [begin, end) along one axis that make one output.
struct Window {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t extent;  ///< what a mean divides by along this axis; padding counts
};

/// A pooling of `images` images [height, width, channels] to [rows.size(), columns.size(),
/// channels].
struct PoolPlan {
  std::int64_t images, height, width, channels;
  std::vector<Window> rows, columns;
};

}  // namespace ranvier::detail
