// What the strided copies of all devices ask about their axes.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "ranvier/ops/shape/detail/copy_kernels.h"

namespace ranvier::detail {

/// Drops axes of extent 1 and joins axes that the source steps through as if they were one.
inline std::vector<StridedAxis> simplified(const std::vector<StridedAxis>& axes) {
  std::vector<StridedAxis> result;
  for (const StridedAxis& axis : axes) {
    if (axis.extent == 1) continue;
    if (!result.empty() && result.back().stride == axis.extent * axis.stride)
      result.back() = {result.back().extent * axis.extent, axis.stride};
    else
      result.push_back(axis);
  }
  return result;
}

inline std::int64_t product(const std::vector<StridedAxis>& axes) {
  std::int64_t count = 1;
  for (const StridedAxis& axis : axes) count *= axis.extent;
  return count;
}

/// A copy whose innermost axis jumps through the source, while another steps through it one by one:
/// matrices of these two axes are transposed.
struct Transposition {
  StridedAxis rows;     ///< the axis that steps one by one
  StridedAxis columns;  ///< the innermost axis
  std::int64_t to_row_stride = 1;
  std::vector<StridedAxis> source, target;  ///< walks over the matrices
};

inline std::optional<Transposition> transposition(const std::vector<StridedAxis>& axes) {
  if (axes.empty() || axes.back().stride == 0 || axes.back().stride == 1) return std::nullopt;
  const auto across = std::find_if(axes.begin(), axes.end(),
                                   [](const StridedAxis& axis) { return axis.stride == 1; });
  if (across == axes.end()) return std::nullopt;
  Transposition result{.rows = *across, .columns = axes.back(), .source = {}, .target = {}};
  std::int64_t stride = 1;
  for (auto axis = axes.rbegin(); axis != axes.rend(); stride *= axis++->extent) {
    if (axis.base() - 1 == across)
      result.to_row_stride = stride;
    else if (axis != axes.rbegin()) {
      result.source.insert(result.source.begin(), *axis);
      result.target.insert(result.target.begin(), {axis->extent, stride});
    }
  }
  return result;
}

}  // namespace ranvier::detail
