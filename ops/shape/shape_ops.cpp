#include "ranvier/ops/shape/shape_ops.h"

#include <fmt/format.h>

#include <array>
#include <numeric>

#include "ranvier/core/activity.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"
#include "ranvier/ops/shape/detail/layout.h"

namespace ranvier {
namespace {

/// True if `x` lies in memory as an array of `shape` does.
bool same_layout(const Tensor& x, const Shape& shape) {
  if (x.dtype() != DType::bits || x.numel() == 0) return true;
  const std::int64_t old_columns = detail::packed_columns(x.shape());
  const std::int64_t new_columns = detail::packed_columns(shape);
  return old_columns == new_columns || (old_columns % 64 == 0 && new_columns % 64 == 0);
}

Tensor view_as(const Tensor& x, const Shape& shape) {
  return Tensor(x.storage(), x.storage_offset(), shape, x.dtype());
}

Tensor repacked(const Tensor& x, const Shape& shape) {
  const OperationScope operation("reshape");
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  kernel_for("reshape", x.device(), detail::repack_kernels)(x, y);
  return y;
}

struct ReshapeBackward final : Node {
  explicit ReshapeBackward(const Shape& input_shape) : shape(input_shape) {}
  Shape shape;

  const char* name() const override { return "ReshapeBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {view_as(grads[0], shape)};
  }
};

/// `axes` counted from the front. Error: not a permutation of x's axes.
std::vector<int> checked_order(const Tensor& x, const std::vector<int>& axes) {
  std::array<bool, Shape::max_rank> seen{};
  std::vector<int> order;
  bool valid = axes.size() == static_cast<std::size_t>(x.rank());
  for (std::size_t i = 0; valid && i < axes.size(); ++i) {
    const int axis = axes[i] < 0 ? axes[i] + x.rank() : axes[i];
    valid = axis >= 0 && axis < x.rank() && !seen[static_cast<std::size_t>(axis)];
    if (!valid) break;
    seen[static_cast<std::size_t>(axis)] = true;
    order.push_back(axis);
  }
  RV_CHECK(valid, "[permute] axes must name each axis of {} once; got ({}).", x.shape(),
           fmt::format("{}", fmt::join(axes, ", ")));
  return order;
}

Tensor permuted(const Tensor& x, const std::vector<int>& order) {
  const OperationScope operation("permute");
  const detail::Layout layout = detail::layout_of(x.shape(), x.dtype());
  Shape shape = x.shape();
  std::vector<detail::StridedAxis> axes;
  for (std::size_t i = 0; i < order.size(); ++i) {
    shape = shape.with(static_cast<int>(i), x.size(order[i]));
    axes.push_back({layout.shape[order[i]], layout.stride(order[i]) / layout.element});
  }
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  kernel_for("permute", x.device(), detail::strided_copy_kernels)(
      "permute", x.device(), axes, layout.element, y.mutable_raw_data(), x.raw_data());
  return y;
}

struct PermuteBackward final : Node {
  explicit PermuteBackward(const std::vector<int>& order) : inverse(order.size()) {
    for (std::size_t i = 0; i < order.size(); ++i)
      inverse[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  }
  std::vector<int> inverse;

  const char* name() const override { return "PermuteBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {permuted(grads[0], inverse)};
  }
};

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  RV_CHECK(x.numel() == shape.numel(),
           "[reshape] the number of elements must stay; got {} ({}) to {} ({}).", x.shape(),
           x.numel(), shape, shape.numel());
  Tensor y = same_layout(x, shape) ? view_as(x, shape) : repacked(x, shape);
  if (grad_needed({x})) attach(std::make_shared<ReshapeBackward>(x.shape()), {x}, {y});
  return y;
}

Tensor flatten(const Tensor& x, int from_axis, int to_axis) {
  const Shape& shape = x.shape();
  if (shape.rank() == 0) return reshape(x, {1});
  const int rank = shape.rank();
  const int first = from_axis < 0 ? from_axis + rank : from_axis;
  const int last = to_axis < 0 ? to_axis + rank : to_axis;
  RV_CHECK(first >= 0 && last < rank && first <= last,
           "[flatten] axes must be in range and in order; got {} to {} of {}.", from_axis, to_axis,
           shape);
  const Shape merged{shape.sub(first, last + 1).numel()};
  return reshape(x, shape.sub(0, first).concat(merged).concat(shape.sub(last + 1, rank)));
}

Tensor fold_time(const Tensor& x) {
  RV_CHECK(x.rank() >= 2, "[fold_time] x must be [T, B, ...]; its shape is {}.", x.shape());
  return flatten(x, 0, 1);
}

Tensor unfold_time(const Tensor& x, std::int64_t steps) {
  RV_CHECK(x.rank() >= 1, "[unfold_time] x must be [T * B, ...]; its shape is {}.", x.shape());
  RV_CHECK(steps >= 1 && x.size(0) % steps == 0,
           "[unfold_time] steps must divide axis 0 of {}; got {}.", x.shape(), steps);
  const Shape time_and_batch{steps, x.size(0) / steps};
  return reshape(x, time_and_batch.concat(x.shape().sub(1, x.rank())));
}

Tensor permute(const Tensor& x, const std::vector<int>& axes) {
  const std::vector<int> order = checked_order(x, axes);
  RV_CHECK(x.dtype() != DType::bits || order.empty() || order.back() == x.rank() - 1,
           "[permute] the last axis of packed spikes must stay last; axis {} of {} would be.",
           order.back(), x.shape());
  Tensor y = permuted(x, order);
  if (grad_needed({x})) attach(std::make_shared<PermuteBackward>(order), {x}, {y});
  return y;
}

Tensor transpose(const Tensor& x, int axis_a, int axis_b) {
  RV_CHECK(axis_a >= -x.rank() && axis_a < x.rank() && axis_b >= -x.rank() && axis_b < x.rank(),
           "[transpose] axes {} and {} are not both axes of {}.", axis_a, axis_b, x.shape());
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<std::size_t>(x.shape().normalise_axis(axis_a))],
            order[static_cast<std::size_t>(x.shape().normalise_axis(axis_b))]);
  return permute(x, order);
}

}  // namespace ranvier
