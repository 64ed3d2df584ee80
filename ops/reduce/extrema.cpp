#include "ranvier/ops/reduce/extrema.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"

namespace ranvier {
namespace {

using detail::Extremum;
using detail::ReducePlan;

/// Of `max` and `min`: the element that was chosen gets the gradient.
struct ExtremumBackward final : Node {
  ExtremumBackward(Extremum kind, const Shape& input_shape, const ReducePlan& reduction,
                   const Tensor& chosen)
      : which(kind), shape(input_shape), plan(reduction), positions(chosen) {}
  Extremum which;
  Shape shape;
  ReducePlan plan;
  Saved positions;

  const char* name() const override {
    return which == Extremum::largest ? "MaxBackward" : "MinBackward";
  }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor gx = zeros(shape, {.dtype = grads[0].dtype(), .device = grads[0].device()});
    kernel_for(name(), gx.device(), detail::extremum_backward_kernels)(
        name(), plan, positions.get(), grads[0], gx);
    return {gx};
  }
  void release() override { positions.reset(); }
};

struct Found {
  Tensor values;
  Tensor positions;
};

Found find(const char* op, Extremum which, const Tensor& input, const std::vector<int>& axes,
           bool keepdim) {
  const OperationScope operation(op);
  const auto [x, plan, shape] = detail::plan_reduction(op, widened(input), axes, keepdim);
  RV_CHECK(plan.count > 0, "[{}] {} has no elements to choose from.", op, input.shape());
  Tensor values = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  Tensor positions = empty(shape, {.dtype = DType::i64, .device = x.device()});
  kernel_for(op, x.device(), detail::extremum_kernels)(op, plan, which, x, values, positions);
  if (grad_needed({x}))
    attach(std::make_shared<ExtremumBackward>(which, x.shape(), plan, positions), {x}, {values});
  return {values, positions};
}

}  // namespace

Tensor max(const Tensor& x, const std::vector<int>& axes, ReduceOptions options) {
  return find("max", Extremum::largest, x, axes, options.keepdim).values;
}

Tensor min(const Tensor& x, const std::vector<int>& axes, ReduceOptions options) {
  return find("min", Extremum::smallest, x, axes, options.keepdim).values;
}

Tensor argmax(const Tensor& x, const std::vector<int>& axes, ReduceOptions options) {
  const NoGradGuard no_grad;
  return find("argmax", Extremum::largest, x, axes, options.keepdim).positions;
}

}  // namespace ranvier
