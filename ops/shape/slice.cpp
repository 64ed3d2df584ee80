#include "ranvier/ops/shape/slice.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"
#include "ranvier/ops/shape/detail/layout.h"

namespace ranvier {
namespace {

using detail::Layout;
using detail::layout_of;

struct SliceBackward final : Node {
  SliceBackward(const Shape& input_shape, int along, std::int64_t first)
      : shape(input_shape), axis(along), begin(first) {}
  Shape shape;
  int axis;
  std::int64_t begin;

  const char* name() const override { return "SliceBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& gy = grads[0];
    Tensor gx = zeros(shape, {.dtype = gy.dtype(), .device = gy.device()});
    const std::int64_t step = layout_of(shape, gy.dtype()).stride(axis);
    kernel_for("slice", gy.device(), detail::row_copy_kernels)(
        "slice", gy.device(),
        {.rows = shape.sub(0, axis).numel(),
         .bytes = gy.size(axis) * step,
         .to_stride = shape[axis] * step,
         .from_stride = gy.size(axis) * step},
        gx.mutable_raw_data() + begin * step, gy.raw_data());
    return {gx};
  }
};

}  // namespace

Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) {
  const OperationScope operation("slice");
  RV_CHECK(axis >= -x.rank() && axis < x.rank(), "[slice] axis {} is out of range for {}.", axis,
           x.shape());
  axis = x.shape().normalise_axis(axis);
  const std::int64_t extent = x.size(axis);
  RV_CHECK(0 <= begin && begin <= end && end <= extent,
           "[slice] needs 0 <= begin <= end <= {}, the extent of axis {} of {}; got {} and {}.",
           extent, axis, x.shape(), begin, end);
  detail::require_whole_rows("slice", x, axis);
  const Shape shape = x.shape().with(axis, end - begin);
  const std::int64_t step = layout_of(x.shape(), x.dtype()).stride(axis);
  Tensor y;
  if (axis == 0) {
    y = Tensor(x.storage(), x.storage_offset() + begin * step, shape, x.dtype());
  } else {
    y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
    kernel_for("slice", x.device(), detail::row_copy_kernels)("slice", x.device(),
                                                              {.rows = shape.sub(0, axis).numel(),
                                                               .bytes = (end - begin) * step,
                                                               .to_stride = (end - begin) * step,
                                                               .from_stride = extent * step},
                                                              y.mutable_raw_data(),
                                                              x.raw_data() + begin * step);
  }
  if (grad_needed({x})) attach(std::make_shared<SliceBackward>(x.shape(), axis, begin), {x}, {y});
  return y;
}

}  // namespace ranvier
