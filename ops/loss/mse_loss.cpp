#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/loss.h"

namespace ranvier {
namespace {

using detail::Type;

constexpr std::int64_t grain = 1 << 14;

void mse_loss_cpu(const Tensor& prediction, const Tensor& target, Tensor& mean) {
  const double sum = detail::visit_real("mse_loss", prediction.dtype(), [&]<class R>(Type<R>) {
    const R *p = prediction.data<R>(), *t = target.data<R>();
    return ordered_sum(prediction.numel(), [=](std::int64_t begin, std::int64_t end) {
      double part = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const double difference = static_cast<double>(p[i]) - t[i];
        part += difference * difference;
      }
      return part;
    });
  });
  fill(mean, sum / static_cast<double>(prediction.numel()));
}

void mse_loss_backward_cpu(const Tensor& grad, const Tensor& a, const Tensor& b, Tensor& result) {
  const double factor = 2 * grad.item() / static_cast<double>(a.numel());
  detail::visit_real("mse_loss", a.dtype(), [&]<class R>(Type<R>) {
    const R *left = a.data<R>(), *right = b.data<R>();
    R* out = result.mutable_data<R>();
    const R scale = static_cast<R>(factor);
    parallel_for(0, a.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = scale * (left[i] - right[i]);
    });
  });
}

}  // namespace

namespace detail {
constinit DeviceKernels<MseLossKernel> mse_loss_kernels{.cpu = mse_loss_cpu};
constinit DeviceKernels<MseLossBackwardKernel> mse_loss_backward_kernels{.cpu =
                                                                             mse_loss_backward_cpu};
}  // namespace detail

namespace {

struct MseLossBackward final : Node {
  Saved prediction, target;
  const char* name() const override { return "MseLossBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor &p = prediction.get(), &t = target.get();
    const auto gradient = [&](const Tensor& a, const Tensor& b) {
      Tensor result = empty_like(a);
      kernel_for("mse_loss", a.device(), detail::mse_loss_backward_kernels)(grads[0], a, b, result);
      return result;
    };
    return {needs(0) ? gradient(p, t) : Tensor(), needs(1) ? gradient(t, p) : Tensor()};
  }
  void release() override {
    prediction.reset();
    target.reset();
  }
};

}  // namespace

Tensor mse_loss(const Tensor& predicted, const Tensor& wanted) {
  const OperationScope operation("mse_loss");
  const Tensor prediction = widened(predicted), target = widened(wanted);
  RV_CHECK(prediction.shape() == target.shape() && prediction.dtype() == target.dtype(),
           "[mse_loss] prediction and target must agree; got {} {} and {} {}.", prediction.dtype(),
           prediction.shape(), target.dtype(), target.shape());
  RV_CHECK(prediction.numel() >= 1, "[mse_loss] there are no elements in shape {}.",
           prediction.shape());
  Tensor mean = empty({}, {.dtype = target.dtype(), .device = prediction.device()});
  kernel_for("mse_loss", prediction.device(), detail::mse_loss_kernels)(prediction, target, mean);
  if (grad_needed({prediction, target})) {
    auto node = std::make_shared<MseLossBackward>();
    node->prediction = prediction;
    node->target = target;
    attach(std::move(node), {prediction, target}, {mean});
  }
  return mean;
}

}  // namespace ranvier
