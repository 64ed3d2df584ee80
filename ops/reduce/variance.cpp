#include "ranvier/ops/reduce/variance.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"

namespace ranvier {
namespace {

using detail::ReducePlan;

struct VarBackward final : Node {
  VarBackward(const Tensor& input, const Tensor& input_means, const ReducePlan& reduction,
              double by)
      : x(input), means(input_means), plan(reduction), divisor(by) {}
  Saved x, means;
  ReducePlan plan;
  double divisor;

  const char* name() const override { return "VarBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor gx = empty_like(x.get());
    kernel_for("var", gx.device(), detail::squares_backward_kernels)(plan, x.get(), means.get(),
                                                                     divisor, grads[0], gx);
    return {gx};
  }
  void release() override {
    x.reset();
    means.reset();
  }
};

}  // namespace

Tensor var(const Tensor& input, const std::vector<int>& axes, VarianceOptions options) {
  const OperationScope operation("var");
  const auto [x, plan, shape] =
      detail::plan_reduction("var", widened(input), axes, options.keepdim);
  RV_CHECK(options.correction >= 0, "[var] the correction must be >= 0; got {}.",
           options.correction);
  RV_CHECK(plan.count > options.correction,
           "[var] needs more elements than the correction, {}; got {} of {}.", options.correction,
           plan.count, input.shape());
  const auto divisor = static_cast<double>(plan.count - options.correction);
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  Tensor means = empty(shape, {.dtype = DType::f64, .device = x.device()});
  kernel_for("var", x.device(), detail::sum_kernels)("var", plan, x,
                                                     static_cast<double>(plan.count), means);
  kernel_for("var", x.device(), detail::squares_kernels)(plan, x, means, divisor, y);
  if (grad_needed({x})) attach(std::make_shared<VarBackward>(x, means, plan, divisor), {x}, {y});
  return y;
}

}  // namespace ranvier
