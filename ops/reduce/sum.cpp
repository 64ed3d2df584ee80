#include "ranvier/ops/reduce/sum.h"

#include <fmt/format.h>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"

namespace ranvier {
namespace {

using detail::ReducePlan;

void spread_cpu(const char* op, const ReducePlan& plan, const Tensor& gy, double divisor,
                Tensor& gx) {
  const Tensor share = divisor == 1 ? gy : div(gy, divisor);
  kernel_for(op, gx.device(), detail::strided_copy_kernels)(
      op, gx.device(), {{plan.outer, plan.inner}, {plan.count, 0}, {plan.inner, 1}},
      element_size(gx.dtype()), gx.mutable_raw_data(), share.raw_data());
}

}  // namespace

constinit DeviceKernels<detail::SpreadKernel> detail::spread_kernels{.cpu = spread_cpu};

namespace {

/// Of `sum`, and of `mean` with its divisor: every element gets its result's share.
struct SumBackward final : Node {
  SumBackward(const char* op, const Tensor& x, const ReducePlan& reduction, double by)
      : label(op),
        shape(x.shape()),
        dtype(x.dtype() == DType::bits ? DType::f32 : x.dtype()),
        plan(reduction),
        divisor(by) {}
  const char* label;
  Shape shape;
  DType dtype;  // of the gradient of x
  ReducePlan plan;
  double divisor;

  const char* name() const override { return label; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor gx = empty(shape, {.dtype = dtype, .device = grads[0].device()});
    kernel_for(label, gx.device(), detail::spread_kernels)(label, plan, grads[0], divisor, gx);
    return {gx};
  }
};

void require_time_axis(const char* op, const Tensor& x, const std::vector<int>& axes) {
  RV_CHECK(x.rank() >= 2 && axes.size() == 1 && (axes[0] == 0 || axes[0] == -x.rank()),
           "[{}] packed spikes are counted along axis 0 of [T, ..., C] only; got axes ({}) of {}.",
           op, fmt::format("{}", fmt::join(axes, ", ")), x.shape());
}

enum class Kind { sum, mean };

Tensor add_up(Kind kind, const Tensor& given, const std::vector<int>& axes, ReduceOptions options) {
  const char* const op = kind == Kind::mean ? "mean" : "sum";
  const OperationScope operation(op);
  const Tensor input = only_stored(given) ? widened(given) : given;
  const bool packed = input.dtype() == DType::bits;
  if (packed) require_time_axis(op, input, axes);
  const auto [x, plan, shape] = detail::plan_reduction(op, input, axes, options.keepdim);
  RV_CHECK(kind == Kind::sum || plan.count > 0, "[mean] {} has no elements to take the mean of.",
           input.shape());
  const double divisor = kind == Kind::mean ? static_cast<double>(plan.count) : 1;
  const DType dtype = packed ? DType::f32 : detail::computed_dtype(x.dtype());
  Tensor y = empty(shape, {.dtype = dtype, .device = x.device()});
  if (packed)
    kernel_for(op, x.device(), detail::count_spikes_kernels)(op, x, divisor, y);
  else
    kernel_for(op, x.device(), detail::sum_kernels)(op, plan, x, divisor, y);
  if (grad_needed({x}))
    attach(std::make_shared<SumBackward>(kind == Kind::mean ? "MeanBackward" : "SumBackward", x,
                                         plan, divisor),
           {x}, {y});
  return y;
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes, ReduceOptions options) {
  return add_up(Kind::sum, x, axes, options);
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, ReduceOptions options) {
  return add_up(Kind::mean, x, axes, options);
}

}  // namespace ranvier
