// How a broadcast operation walks over its operands: as few, long runs.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "ranvier/core/shape.h"

namespace ranvier::pointwise {

/// Cuts a contiguous result into runs along which each operand either moves with the result or
/// stands still. Neighbouring axes on which an operand does the same are one, so operands of equal
/// shape are a single run.
class Runs {
 public:
  struct Axis {
    std::int64_t extent, step_a, step_b;
  };

  /// `a` and `b` broadcast to `result`.
  Runs(const Shape& a, const Shape& b, const Shape& result) {
    std::int64_t stride_a = 1, stride_b = 1;
    for (int axis = 1; axis <= result.rank(); ++axis) {  // counted from the last
      const std::int64_t extent = result[-axis];
      if (extent == 1) continue;
      const bool moves_a = axis <= a.rank() && a[-axis] != 1;
      const bool moves_b = axis <= b.rank() && b[-axis] != 1;
      if (rank_ > 0 && moves_a == (last().step_a != 0) && moves_b == (last().step_b != 0)) {
        last().extent *= extent;
      } else {
        axes_[rank_++] = {extent, moves_a ? stride_a : 0, moves_b ? stride_b : 0};
      }
      if (moves_a) stride_a *= extent;
      if (moves_b) stride_b *= extent;
    }
    if (rank_ == 0) axes_[rank_++] = {1, 0, 0};
  }

  /// The axes, those of the result joined, the innermost first.
  std::span<const Axis> axes() const { return {axes_.data(), static_cast<std::size_t>(rank_)}; }

  /// How far an operand moves with each element of a run: 0 or 1.
  std::int64_t step_a() const { return axes_[0].step_a; }
  std::int64_t step_b() const { return axes_[0].step_b; }

  /// Calls body(offset into a, into b, into the result, count) for every run, or piece of one, of
  /// the result's elements [begin, end), in order.
  template <class Body>
  void for_each(std::int64_t begin, std::int64_t end, Body body) const {
    std::array<std::int64_t, Shape::max_rank> index{};
    std::int64_t a = 0, b = 0, rest = begin;
    for (int axis = 0; axis < rank_; ++axis) {
      const Axis& along = axes_[axis];
      index[axis] = axis + 1 < rank_ ? rest % along.extent : rest;
      rest /= std::max<std::int64_t>(along.extent, 1);
      a += index[axis] * along.step_a;
      b += index[axis] * along.step_b;
    }
    while (begin < end) {
      const std::int64_t count = std::min(axes_[0].extent - index[0], end - begin);
      body(a, b, begin, count);
      begin += count;
      a += count * step_a();
      b += count * step_b();
      index[0] += count;
      for (int axis = 0; axis + 1 < rank_ && index[axis] == axes_[axis].extent; ++axis) {
        a += axes_[axis + 1].step_a - index[axis] * axes_[axis].step_a;
        b += axes_[axis + 1].step_b - index[axis] * axes_[axis].step_b;
        index[axis] = 0;
        ++index[axis + 1];
      }
    }
  }

 private:
  Axis& last() { return axes_[rank_ - 1]; }

  std::array<Axis, Shape::max_rank> axes_{};  // the innermost first
  int rank_ = 0;
};

}  // namespace ranvier::pointwise
