#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/loss.h"

namespace ranvier {
namespace {

using detail::Type;

constexpr std::int64_t grain = 1 << 14;

/// factor (a - b)
Tensor scaled_difference(const Tensor& a, const Tensor& b, double factor) {
  Tensor result = empty_like(a);
  detail::visit_real("mse_loss", a.dtype(), [&]<class R>(Type<R>) {
    const R *left = a.data<R>(), *right = b.data<R>();
    R* out = result.mutable_data<R>();
    const R scale = static_cast<R>(factor);
    parallel_for(0, a.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = scale * (left[i] - right[i]);
    });
  });
  return result;
}

struct MseLossBackward final : Node {
  Saved prediction, target;
  const char* name() const override { return "MseLossBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor &p = prediction.get(), &t = target.get();
    const double factor = 2 * grads[0].item() / static_cast<double>(p.numel());
    return {needs(0) ? scaled_difference(p, t, factor) : Tensor(),
            needs(1) ? scaled_difference(t, p, factor) : Tensor()};
  }
  void release() override {
    prediction.reset();
    target.reset();
  }
};

}  // namespace

Tensor mse_loss(const Tensor& prediction, const Tensor& target) {
  RV_CHECK(prediction.shape() == target.shape() && prediction.dtype() == target.dtype(),
           "[mse_loss] prediction and target must agree; got {} {} and {} {}.", prediction.dtype(),
           prediction.shape(), target.dtype(), target.shape());
  RV_CHECK(prediction.numel() >= 1, "[mse_loss] there are no elements in shape {}.",
           prediction.shape());
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
  Tensor mean = scalar(sum / static_cast<double>(prediction.numel()), {.dtype = target.dtype()});
  if (grad_needed({prediction, target})) {
    auto node = std::make_shared<MseLossBackward>();
    node->prediction = prediction;
    node->target = target;
    attach(std::move(node), {prediction, target}, {mean});
  }
  return mean;
}

}  // namespace ranvier
