// The extents of a tensor.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "ranvier/core/error.h"

namespace ranvier {

/// Up to eight extents, outermost first; every extent is >= 0. A scalar has rank 0 and 1 element.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t numel() const;
  /// Extent of `axis`; negative axes count from the end. Error: axis out of range.
  std::int64_t operator[](int axis) const { return extents_[normalise_axis(axis)]; }
  /// `axis` counted from the front. Error: axis out of range.
  int normalise_axis(int axis) const;

  const std::int64_t* begin() const { return extents_.data(); }
  const std::int64_t* end() const { return extents_.data() + rank_; }

  /// A copy whose extent at `axis` is `extent`. Error: axis out of range, or extent < 0.
  Shape with(int axis, std::int64_t extent) const;
  /// Extents [first, last) as a shape of their own.
  Shape sub(int first, int last) const;
  /// This shape followed by `tail`. Error: more than eight axes.
  Shape concat(const Shape& tail) const;

  bool operator==(const Shape& other) const;

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
};

/// "(2, 3)", "(5,)", "()".
std::string to_string(const Shape& shape);

/// Shape of an elementwise result of `a` and `b` (NumPy rules). Error, tagged with `op`: extents
/// that differ and are not 1.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

}  // namespace ranvier

template <>
struct fmt::formatter<ranvier::Shape> : ranvier::detail::TextFormatter {
  auto format(const ranvier::Shape& shape, fmt::format_context& context) const {
    return write(ranvier::to_string(shape), context);
  }
};
