#include "ranvier/core/shape.h"

#include <algorithm>

#include "ranvier/core/error.h"

namespace ranvier {

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  RV_CHECK(extents.size() <= max_rank, "[shape] at most {} axes; got {}.", +max_rank,
           extents.size());
  std::copy(extents.begin(), extents.end(), extents_.begin());
  for (std::int64_t extent : extents)
    RV_CHECK(extent >= 0, "[shape] extents must be >= 0; got {}.", to_string(*this));
}

std::int64_t Shape::numel() const {
  std::int64_t count = 1;
  for (std::int64_t extent : *this)
    RV_CHECK(!__builtin_mul_overflow(count, extent, &count),
             "[shape] the number of elements of {} does not fit 64 bits.", to_string(*this));
  return count;
}

int Shape::normalise_axis(int axis) const {
  const int from_front = axis < 0 ? axis + rank_ : axis;
  RV_CHECK(from_front >= 0 && from_front < rank_, "[shape] axis {} is out of range for {}.", axis,
           to_string(*this));
  return from_front;
}

Shape Shape::with(int axis, std::int64_t extent) const {
  RV_CHECK(extent >= 0, "[shape] extents must be >= 0; got {} for axis {}.", extent, axis);
  Shape copy = *this;
  copy.extents_[normalise_axis(axis)] = extent;
  return copy;
}

Shape Shape::sub(int first, int last) const {
  return Shape(std::span<const std::int64_t>(begin() + first, begin() + std::max(first, last)));
}

Shape Shape::concat(const Shape& tail) const {
  RV_CHECK(rank_ + tail.rank_ <= max_rank, "[shape] at most {} axes; got {} followed by {}.",
           +max_rank, to_string(*this), to_string(tail));
  Shape joined = *this;
  std::copy(tail.begin(), tail.end(), joined.extents_.begin() + rank_);
  joined.rank_ += tail.rank_;
  return joined;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape.begin()[axis]);
  }
  return text + (shape.rank() == 1 ? ",)" : ")");
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const int offset = longer.rank() - shorter.rank();
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    const std::int64_t l = longer[offset + axis];
    const std::int64_t s = shorter[axis];
    RV_CHECK(l == s || l == 1 || s == 1, "[{}] shapes must broadcast; got {} and {}.", op, a, b);
    if (l == 1) result = result.with(offset + axis, s);
  }
  return result;
}

}  // namespace ranvier
