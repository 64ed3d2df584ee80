#include "ranvier/ops/reduce/variance.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/detail/reduce_cpu.h"

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
    detail::visit_real("var", gx.dtype(), [&]<class T>(detail::Type<T>) {
      detail::squares_backward_cpu(plan, x.get().data<T>(), means.get().data<double>(), divisor,
                                   grads[0].data<T>(), gx.mutable_data<T>());
    });
    return {gx};
  }
  void release() override {
    x.reset();
    means.reset();
  }
};

}  // namespace

Tensor var(const Tensor& input, const std::vector<int>& axes, VarianceOptions options) {
  const auto [x, plan, shape] = detail::plan_reduction("var", input, axes, options.keepdim);
  RV_CHECK(options.correction >= 0, "[var] the correction must be >= 0; got {}.",
           options.correction);
  RV_CHECK(plan.count > options.correction,
           "[var] needs more elements than the correction, {}; got {} of {}.", options.correction,
           plan.count, input.shape());
  const auto divisor = static_cast<double>(plan.count - options.correction);
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  Tensor means = empty(shape, {.dtype = DType::f64, .device = x.device()});
  detail::visit_real("var", x.dtype(), [&, &x = x, &plan = plan]<class T>(detail::Type<T>) {
    const T* in = x.template data<T>();
    double* const mean = means.mutable_data<double>();
    detail::sum_cpu(plan, in, static_cast<double>(plan.count), mean);
    detail::squares_cpu(plan, in, mean, divisor, y.mutable_data<T>());
  });
  if (grad_needed({x})) attach(std::make_shared<VarBackward>(x, means, plan, divisor), {x}, {y});
  return y;
}

}  // namespace ranvier
