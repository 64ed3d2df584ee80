#include "ranvier/ops/shape/broadcast.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/detail/sum_to.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"
#include "ranvier/ops/shape/detail/layout.h"

namespace ranvier {
namespace {

struct BroadcastBackward final : Node {
  explicit BroadcastBackward(const Shape& input_shape) : shape(input_shape) {}
  Shape shape;

  const char* name() const override { return "BroadcastBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {detail::sum_to(grads[0], shape).to(grads[0].dtype())};
  }
};

void require_broadcastable(const Tensor& x, const Shape& shape) {
  const int added = shape.rank() - x.rank();
  bool fits = added >= 0;
  for (int axis = 0; fits && axis < x.rank(); ++axis)
    fits = x.size(axis) == shape[axis + added] || x.size(axis) == 1;
  RV_CHECK(fits, "[broadcast_to] {} does not broadcast to {}.", x.shape(), shape);
  RV_CHECK(x.dtype() != DType::bits || (x.rank() > 0 && x.size(-1) == shape[-1]),
           "[broadcast_to] packed spikes repeat along leading axes only; got {} to {}.", x.shape(),
           shape);
}

}  // namespace

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  const OperationScope operation("broadcast_to");
  require_broadcastable(x, shape);
  const detail::Layout from = detail::layout_of(x.shape(), x.dtype());
  const detail::Layout to = detail::layout_of(shape, x.dtype());
  const int added = shape.rank() - x.rank();
  std::vector<detail::StridedAxis> axes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool repeats = axis < added || from.shape[axis - added] != to.shape[axis];
    axes.push_back({to.shape[axis], repeats ? 0 : from.stride(axis - added) / from.element});
  }
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  kernel_for("broadcast_to", x.device(), detail::strided_copy_kernels)(
      "broadcast_to", x.device(), axes, from.element, y.mutable_raw_data(), x.raw_data());
  if (grad_needed({x})) attach(std::make_shared<BroadcastBackward>(x.shape()), {x}, {y});
  return y;
}

Tensor repeat_time(const Tensor& x, std::int64_t steps) {
  RV_CHECK(steps >= 1, "[repeat_time] steps must be >= 1; got {}.", steps);
  return broadcast_to(x, Shape{steps}.concat(x.shape()));
}

}  // namespace ranvier
