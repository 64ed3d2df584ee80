#include "ranvier/ops/pool/pool2d.h"

#include <algorithm>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pool/detail/pool2d_cpu.h"

namespace ranvier {
namespace {

using detail::PoolPlan;
using detail::Window;

PoolPlan plan_for(const char* op, const Tensor& x) {
  RV_CHECK(x.rank() == 4 || x.rank() == 5,
           "[{}] x must be [B, H, W, C] or [T, B, H, W, C]; its shape is {}.", op, x.shape());
  return {.images = x.shape().sub(0, x.rank() - 3).numel(),
          .height = x.size(-3),
          .width = x.size(-2),
          .channels = x.size(-1),
          .rows = {},
          .columns = {}};
}

std::vector<Window> sliding_windows(const char* op, std::int64_t size, std::int64_t kernel,
                                    std::int64_t stride, std::int64_t padding) {
  RV_CHECK(kernel >= 1 && stride >= 0 && padding >= 0 && 2 * padding <= kernel,
           "[{}] needs kernel >= 1, stride >= 0 and padding in [0, kernel / 2]; got {}, {} and {}.",
           op, kernel, stride, padding);
  RV_CHECK(size >= 1 && kernel <= size + 2 * padding,
           "[{}] a window of {} does not fit an image of {} with padding {}.", op, kernel, size,
           padding);
  const std::int64_t step = stride == 0 ? kernel : stride;
  std::vector<Window> windows;
  for (std::int64_t begin = -padding; begin + kernel <= size + padding; begin += step)
    windows.push_back({std::max<std::int64_t>(begin, 0), std::min(begin + kernel, size), kernel});
  return windows;
}

PoolPlan sliding_plan(const char* op, const Tensor& x, const Pool2dOptions& o) {
  PoolPlan plan = plan_for(op, x);
  plan.rows = sliding_windows(op, plan.height, o.kernel[0], o.stride[0], o.padding[0]);
  plan.columns = sliding_windows(op, plan.width, o.kernel[1], o.stride[1], o.padding[1]);
  return plan;
}

std::vector<Window> adaptive_windows(const char* op, std::int64_t size, std::int64_t outputs) {
  RV_CHECK(size >= 1 && outputs >= 1, "[{}] sizes must be >= 1; got {} from an image of {}.", op,
           outputs, size);
  std::vector<Window> windows;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const std::int64_t begin = i * size / outputs;
    const std::int64_t end = ((i + 1) * size + outputs - 1) / outputs;
    windows.push_back({begin, end, end - begin});
  }
  return windows;
}

PoolPlan adaptive_plan(const char* op, const Tensor& x, std::array<std::int64_t, 2> size) {
  PoolPlan plan = plan_for(op, x);
  plan.rows = adaptive_windows(op, plan.height, size[0]);
  plan.columns = adaptive_windows(op, plan.width, size[1]);
  return plan;
}

Shape pooled_shape(const Tensor& x, const PoolPlan& plan) {
  return x.shape()
      .with(-3, static_cast<std::int64_t>(plan.rows.size()))
      .with(-2, static_cast<std::int64_t>(plan.columns.size()));
}

struct MaxPool2dBackward final : Node {
  MaxPool2dBackward(const Tensor& x, PoolPlan windows) : input(x), plan(std::move(windows)) {}
  Saved input;
  PoolPlan plan;

  const char* name() const override { return "MaxPool2dBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& x = input.get();
    Tensor gx = zeros(x.shape(), {.dtype = grads[0].dtype()});
    if (x.dtype() == DType::bits)
      detail::max_pool_bits_backward_cpu(plan, x.data<std::uint64_t>(), grads[0].data<float>(),
                                         gx.mutable_data<float>());
    else
      detail::visit_real("max_pool2d", x.dtype(), [&]<class T>(detail::Type<T>) {
        detail::max_pool_backward_cpu(plan, x.data<T>(), grads[0].data<T>(), gx.mutable_data<T>());
      });
    return {gx};
  }
  void release() override { input.reset(); }
};

struct AvgPool2dBackward final : Node {
  AvgPool2dBackward(const Shape& x, PoolPlan windows) : shape(x), plan(std::move(windows)) {}
  Shape shape;
  PoolPlan plan;

  const char* name() const override { return "AvgPool2dBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor gx = zeros(shape, {.dtype = grads[0].dtype()});
    detail::visit_real("avg_pool2d", gx.dtype(), [&]<class T>(detail::Type<T>) {
      detail::avg_pool_backward_cpu(plan, grads[0].data<T>(), gx.mutable_data<T>());
    });
    return {gx};
  }
};

Tensor max_pool(const Tensor& x, PoolPlan plan) {
  Tensor y = empty(pooled_shape(x, plan), {.dtype = x.dtype(), .device = x.device()});
  if (x.dtype() == DType::bits)
    detail::max_pool_bits_cpu(plan, x.data<std::uint64_t>(), y.mutable_data<std::uint64_t>());
  else
    detail::visit_real("max_pool2d", x.dtype(), [&]<class T>(detail::Type<T>) {
      detail::max_pool_cpu(plan, x.data<T>(), y.mutable_data<T>());
    });
  if (grad_needed({x})) attach(std::make_shared<MaxPool2dBackward>(x, std::move(plan)), {x}, {y});
  return y;
}

Tensor avg_pool(const Tensor& x, PoolPlan plan, const Shape& shape) {
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  detail::visit_real("avg_pool2d", x.dtype(), [&]<class T>(detail::Type<T>) {
    detail::avg_pool_cpu(plan, x.data<T>(), y.mutable_data<T>());
  });
  if (grad_needed({x}))
    attach(std::make_shared<AvgPool2dBackward>(x.shape(), std::move(plan)), {x}, {y});
  return y;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  return max_pool(x, sliding_plan("max_pool2d", x, options));
}

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options) {
  PoolPlan plan = sliding_plan("avg_pool2d", x, options);
  const Shape shape = pooled_shape(x, plan);
  return avg_pool(x, std::move(plan), shape);
}

Tensor adaptive_max_pool2d(const Tensor& x, std::array<std::int64_t, 2> size) {
  return max_pool(x, adaptive_plan("adaptive_max_pool2d", x, size));
}

Tensor adaptive_avg_pool2d(const Tensor& x, std::array<std::int64_t, 2> size) {
  PoolPlan plan = adaptive_plan("adaptive_avg_pool2d", x, size);
  const Shape shape = pooled_shape(x, plan);
  return avg_pool(x, std::move(plan), shape);
}

Tensor global_avg_pool2d(const Tensor& x) {
  PoolPlan plan = adaptive_plan("global_avg_pool2d", x, {1, 1});
  const Shape shape = x.shape().sub(0, x.rank() - 3).concat({x.size(-1)});
  return avg_pool(x, std::move(plan), shape);
}

}  // namespace ranvier
