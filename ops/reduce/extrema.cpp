#include "ranvier/ops/reduce/extrema.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/detail/reduce_cpu.h"

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
    Tensor gx = zeros(shape, {.dtype = grads[0].dtype()});
    const std::int64_t* position = positions.get().data<std::int64_t>();
    detail::visit_real(name(), gx.dtype(), [&]<class T>(detail::Type<T>) {
      const T* in = grads[0].data<T>();
      T* out = gx.mutable_data<T>();
      for (std::int64_t result = 0; result < plan.results(); ++result) {
        const std::int64_t outer = result / plan.inner, column = result % plan.inner;
        out[(outer * plan.count + position[result]) * plan.inner + column] = in[result];
      }
    });
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
  const auto [x, plan, shape] = detail::plan_reduction(op, input, axes, keepdim);
  RV_CHECK(plan.count > 0, "[{}] {} has no elements to choose from.", op, input.shape());
  Tensor values = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  Tensor positions = empty(shape, {.dtype = DType::i64, .device = x.device()});
  detail::visit_real(op, x.dtype(), [&, &x = x, &plan = plan]<class T>(detail::Type<T>) {
    detail::extremum_cpu(plan, which, x.template data<T>(), values.mutable_data<T>(),
                         positions.mutable_data<std::int64_t>());
  });
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
