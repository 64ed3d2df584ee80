#include "ranvier/ops/reduce/detail/plan.h"

#include <array>

#include "ranvier/ops/shape/shape_ops.h"

namespace ranvier::detail {
namespace {

using AxisFlags = std::array<bool, Shape::max_rank>;

std::size_t at(int axis) { return static_cast<std::size_t>(axis); }

AxisFlags reduced_axes(const char* op, const Shape& shape, const std::vector<int>& axes) {
  AxisFlags reduced{};
  if (axes.empty()) reduced.fill(true);
  for (int axis : axes) {
    RV_CHECK(axis >= -shape.rank() && axis < shape.rank(), "[{}] axis {} is out of range for {}.",
             op, axis, shape);
    bool& flag = reduced[at(shape.normalise_axis(axis))];
    RV_CHECK(!flag, "[{}] axis {} of {} is named twice.", op, axis, shape);
    flag = true;
  }
  return reduced;
}

Shape result_shape(const Shape& shape, const AxisFlags& reduced, bool keepdim) {
  Shape result;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (!reduced[at(axis)] || keepdim)
      result = result.concat({reduced[at(axis)] ? 1 : shape[axis]});
  return result;
}

/// True if only axes of extent 1 lie between reduced axes.
bool lie_together(const Shape& shape, const AxisFlags& reduced) {
  int runs = 0;
  bool inside = false;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    if (reduced[at(axis)] && !inside) ++runs;
    inside = reduced[at(axis)];
  }
  return runs <= 1;
}

}  // namespace

Reduction plan_reduction(const char* op, const Tensor& x, const std::vector<int>& axes,
                         bool keepdim) {
  const Shape& shape = x.shape();
  const AxisFlags reduced = reduced_axes(op, shape, axes);
  Reduction result{.x = x, .plan = {}, .shape = result_shape(shape, reduced, keepdim)};
  const bool together = lie_together(shape, reduced);
  std::vector<int> kept, order;
  bool before = true;  // the first reduced axis
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (reduced[at(axis)]) {
      order.push_back(axis);
      result.plan.count *= shape[axis];
      before = before && shape[axis] == 1;
    } else {
      kept.push_back(axis);
      (before || !together ? result.plan.outer : result.plan.inner) *= shape[axis];
    }
  }
  if (!together) {
    order.insert(order.begin(), kept.begin(), kept.end());
    result.x = permute(x, order);
  }
  // Nothing is added up: one long row of results is what the kernels like best.
  if (result.plan.count == 1) result.plan = {.outer = 1, .count = 1, .inner = x.numel()};
  return result;
}

}  // namespace ranvier::detail
