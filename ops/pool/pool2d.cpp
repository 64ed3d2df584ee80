#include "ranvier/ops/pool/pool2d.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pool/detail/pool2d_kernels.h"

namespace ranvier {
namespace {

using detail::PoolPlan;
using Windows = detail::Windows<std::int64_t>;

PoolPlan plan_for(const char* op, const Tensor& x) {
  RV_CHECK(x.rank() == 4 || x.rank() == 5,
           "[{}] x must be [B, H, W, C] or [T, B, H, W, C]; its shape is {}.", op, x.shape());
  return {.images = x.shape().sub(0, x.rank() - 3).numel(),
          .channels = x.size(-1),
          .rows = {},
          .columns = {}};
}

Windows sliding_windows(const char* op, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                        std::int64_t padding) {
  RV_CHECK(kernel >= 1 && stride >= 0 && padding >= 0 && 2 * padding <= kernel,
           "[{}] needs kernel >= 1, stride >= 0 and padding in [0, kernel / 2]; got {}, {} and {}.",
           op, kernel, stride, padding);
  RV_CHECK(size >= 1 && kernel <= size + 2 * padding,
           "[{}] a window of {} does not fit an image of {} with padding {}.", op, kernel, size,
           padding);
  const std::int64_t step = stride == 0 ? kernel : stride;
  return {size, (size + 2 * padding - kernel) / step + 1, kernel, step, padding};
}

PoolPlan sliding_plan(const char* op, const Tensor& x, const Pool2dOptions& o) {
  PoolPlan plan = plan_for(op, x);
  plan.rows = sliding_windows(op, x.size(-3), o.kernel[0], o.stride[0], o.padding[0]);
  plan.columns = sliding_windows(op, x.size(-2), o.kernel[1], o.stride[1], o.padding[1]);
  return plan;
}

Windows adaptive_windows(const char* op, std::int64_t size, std::int64_t outputs) {
  RV_CHECK(size >= 1 && outputs >= 1, "[{}] sizes must be >= 1; got {} from an image of {}.", op,
           outputs, size);
  return {size, outputs, 0, 0, 0};
}

PoolPlan adaptive_plan(const char* op, const Tensor& x, std::array<std::int64_t, 2> size) {
  PoolPlan plan = plan_for(op, x);
  plan.rows = adaptive_windows(op, x.size(-3), size[0]);
  plan.columns = adaptive_windows(op, x.size(-2), size[1]);
  return plan;
}

Shape pooled_shape(const Tensor& x, const PoolPlan& plan) {
  return x.shape().with(-3, plan.rows.outputs).with(-2, plan.columns.outputs);
}

struct MaxPool2dBackward final : Node {
  MaxPool2dBackward(const Tensor& x, const PoolPlan& windows) : input(x), plan(windows) {}
  Saved input;
  PoolPlan plan;

  const char* name() const override { return "MaxPool2dBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& x = input.get();
    Tensor gx = empty(x.shape(), {.dtype = grads[0].dtype(), .device = x.device()});
    kernel_for("max_pool2d", x.device(), detail::max_pool_backward_kernels)(plan, x, grads[0], gx);
    return {gx};
  }
  void release() override { input.reset(); }
};

struct AvgPool2dBackward final : Node {
  AvgPool2dBackward(const Shape& x, const PoolPlan& windows) : shape(x), plan(windows) {}
  Shape shape;
  PoolPlan plan;

  const char* name() const override { return "AvgPool2dBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Device device = grads[0].device();
    Tensor gx = empty(shape, {.dtype = grads[0].dtype(), .device = device});
    kernel_for("avg_pool2d", device, detail::avg_pool_backward_kernels)(plan, grads[0], gx);
    return {gx};
  }
};

Tensor max_pool(const Tensor& x, const PoolPlan& plan) {
  const OperationScope operation("max_pool2d");
  if (only_stored(x)) return max_pool(widened(x), plan).to(x.dtype());
  if (x.dtype() != DType::bits) detail::visit_floating("max_pool2d", x.dtype(), [](auto) {});
  Tensor y = empty(pooled_shape(x, plan), {.dtype = x.dtype(), .device = x.device()});
  kernel_for("max_pool2d", x.device(), detail::max_pool_kernels)(plan, x, y);
  if (grad_needed({x})) attach(std::make_shared<MaxPool2dBackward>(x, plan), {x}, {y});
  return y;
}

Tensor avg_pool(const Tensor& x, const PoolPlan& plan, const Shape& shape) {
  const OperationScope operation("avg_pool2d");
  if (only_stored(x)) return avg_pool(widened(x), plan, shape).to(x.dtype());
  detail::visit_floating("avg_pool2d", x.dtype(), [](auto) {});
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  kernel_for("avg_pool2d", x.device(), detail::avg_pool_kernels)(plan, x, y);
  if (grad_needed({x})) attach(std::make_shared<AvgPool2dBackward>(x.shape(), plan), {x}, {y});
  return y;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  return max_pool(x, sliding_plan("max_pool2d", x, options));
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const PoolPlan plan = sliding_plan("avg_pool2d", x, options);
  return avg_pool(x, plan, pooled_shape(x, plan));
}

Tensor adaptive_max_pool2d(const Tensor& x, std::array<std::int64_t, 2> size) {
  return max_pool(x, adaptive_plan("adaptive_max_pool2d", x, size));
}

Tensor adaptive_avg_pool2d(const Tensor& x, std::array<std::int64_t, 2> size) {
  const PoolPlan plan = adaptive_plan("adaptive_avg_pool2d", x, size);
  return avg_pool(x, plan, pooled_shape(x, plan));
}

Tensor global_avg_pool2d(const Tensor& x) {
  const PoolPlan plan = adaptive_plan("global_avg_pool2d", x, {1, 1});
  return avg_pool(x, plan, x.shape().sub(0, x.rank() - 3).concat({x.size(-1)}));
}

}  // namespace ranvier
