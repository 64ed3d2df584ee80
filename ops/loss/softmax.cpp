#include "ranvier/ops/loss/softmax.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/detail/log_sum.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"

namespace ranvier {
namespace {

using detail::Type;

const char* name_of(bool logarithm) { return logarithm ? "log_softmax" : "softmax"; }

/// Calls `body(row)` with the offset of each row of `x` in parallel.
template <class Body>
void for_each_row(const Tensor& x, Body body) {
  const std::int64_t classes = x.size(-1);
  if (classes == 0) return;
  parallel_for(0, x.numel() / classes, detail::grain_rows(classes),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) body(row * classes);
               });
}

void softmax_cpu(const Tensor& x, bool logarithm, Tensor& y) {
  detail::visit_real(name_of(logarithm), x.dtype(), [&]<class R>(Type<R>) {
    const R* in = x.data<R>();
    R* out = y.mutable_data<R>();
    const std::int64_t classes = x.size(-1);
    for_each_row(x, [&](std::int64_t row) {
      const double log_sum = detail::log_sum_exp(in + row, classes);
      if (logarithm)
        for (std::int64_t c = 0; c < classes; ++c)
          out[row + c] = static_cast<R>(in[row + c] - log_sum);
      else
        for (std::int64_t c = 0; c < classes; ++c)
          out[row + c] = static_cast<R>(std::exp(in[row + c] - log_sum));
    });
  });
}

void softmax_backward_cpu(const Tensor& grad, const Tensor& y, bool logarithm, Tensor& result) {
  detail::visit_real(name_of(logarithm), y.dtype(), [&]<class R>(Type<R>) {
    const R *gradients = grad.data<R>(), *values = y.data<R>();
    R* out = result.mutable_data<R>();
    const std::int64_t classes = y.size(-1);
    for_each_row(y, [&](std::int64_t row) {
      const R *g = gradients + row, *v = values + row;
      double sum = 0;
      for (std::int64_t c = 0; c < classes; ++c)
        sum += logarithm ? static_cast<double>(g[c]) : static_cast<double>(g[c]) * v[c];
      if (logarithm)
        for (std::int64_t c = 0; c < classes; ++c)
          out[row + c] = static_cast<R>(g[c] - std::exp(static_cast<double>(v[c])) * sum);
      else
        for (std::int64_t c = 0; c < classes; ++c)
          out[row + c] = static_cast<R>(v[c] * (g[c] - sum));
    });
  });
}

}  // namespace

namespace detail {
constinit DeviceKernels<SoftmaxKernel> softmax_kernels{.cpu = softmax_cpu};
constinit DeviceKernels<SoftmaxBackwardKernel> softmax_backward_kernels{.cpu =
                                                                            softmax_backward_cpu};
}  // namespace detail

namespace {

Tensor gradient(const Tensor& grad, const Tensor& y, bool logarithm) {
  Tensor result = empty_like(y);
  kernel_for(name_of(logarithm), y.device(), detail::softmax_backward_kernels)(grad, y, logarithm,
                                                                               result);
  return result;
}

struct SoftmaxBackward final : Node {
  Saved y;
  const char* name() const override { return "SoftmaxBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {gradient(grads[0], y.get(), false)};
  }
  void release() override { y.reset(); }
};

struct LogSoftmaxBackward final : Node {
  Saved y;
  const char* name() const override { return "LogSoftmaxBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {gradient(grads[0], y.get(), true)};
  }
  void release() override { y.reset(); }
};

template <class Backward>
Tensor apply(const Tensor& given, bool logarithm) {
  const OperationScope operation(name_of(logarithm));
  const char* const op = name_of(logarithm);
  const Tensor x = widened(given);
  RV_CHECK(x.rank() >= 1, "[{}] x needs an axis; got shape {}.", op, x.shape());
  Tensor y = empty_like(x);
  kernel_for(op, x.device(), detail::softmax_kernels)(x, logarithm, y);
  if (grad_needed({x})) {
    auto node = std::make_shared<Backward>();
    node->y = y;
    attach(std::move(node), {x}, {y});
  }
  return y;
}

}  // namespace

Tensor softmax(const Tensor& x) { return apply<SoftmaxBackward>(x, false); }
Tensor log_softmax(const Tensor& x) { return apply<LogSoftmaxBackward>(x, true); }

}  // namespace ranvier
