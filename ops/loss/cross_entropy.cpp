#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/detail/labels.h"
#include "ranvier/ops/loss/detail/log_sum.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/loss.h"

namespace ranvier {
namespace {

using detail::Type;

/// The loss of one row: (1 - eps) (log_sum - x[label]) + eps (log_sum - mean x).
template <class R>
double row_loss(const R* x, std::int64_t classes, double log_sum, std::int64_t label, double eps) {
  const double of_label = log_sum - x[label];
  if (eps == 0) return of_label;  // eps (log_sum - mean x) may be 0 * infinity
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += x[c];
  return (1 - eps) * of_label + eps * (log_sum - sum / static_cast<double>(classes));
}

void cross_entropy_cpu(const Tensor& logits, const Tensor& labels, double eps, Tensor& log_sums,
                       Tensor& mean) {
  const std::int64_t batch = logits.size(0), classes = logits.size(1);
  const auto* label = labels.data<std::int64_t>();
  Tensor losses = empty_like(log_sums);
  auto* log_sum = log_sums.mutable_data<double>();
  auto* loss = losses.mutable_data<double>();
  detail::visit_real("cross_entropy", logits.dtype(), [&]<class R>(Type<R>) {
    const R* x = logits.data<R>();
    parallel_for(0, batch, detail::grain_rows(classes), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const R* of_row = x + row * classes;
        log_sum[row] = detail::log_sum_exp(of_row, classes);
        loss[row] = row_loss(of_row, classes, log_sum[row], label[row], eps);
      }
    });
  });
  double total = 0;
  for (std::int64_t row = 0; row < batch; ++row) total += loss[row];
  fill(mean, total / static_cast<double>(batch));
}

void cross_entropy_backward_cpu(const Tensor& grad, const Tensor& logits, const Tensor& labels,
                                const Tensor& log_sums, double eps, Tensor& result) {
  const std::int64_t batch = result.size(0), classes = result.size(1);
  const double factor = grad.item() / static_cast<double>(batch);
  const double everywhere = eps / static_cast<double>(classes);
  const auto* label = labels.data<std::int64_t>();
  const auto* log_sum = log_sums.data<double>();
  detail::visit_real("cross_entropy", result.dtype(), [&]<class R>(Type<R>) {
    const R* x = logits.data<R>();
    R* out = result.mutable_data<R>();
    parallel_for(0, batch, detail::grain_rows(classes), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        for (std::int64_t c = 0; c < classes; ++c) {
          const double target = everywhere + (c == label[row] ? 1 - eps : 0);
          const std::int64_t i = row * classes + c;
          out[i] = static_cast<R>(factor * (std::exp(x[i] - log_sum[row]) - target));
        }
    });
  });
}

}  // namespace

namespace detail {
constinit DeviceKernels<CrossEntropyKernel> cross_entropy_kernels{.cpu = cross_entropy_cpu};
constinit DeviceKernels<CrossEntropyBackwardKernel> cross_entropy_backward_kernels{
    .cpu = cross_entropy_backward_cpu};
}  // namespace detail

namespace {

struct CrossEntropyBackward final : Node {
  Saved logits, labels;
  Saved log_sums;  // f64 [B]
  double eps = 0;

  const char* name() const override { return "CrossEntropyBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor result = empty_like(logits.get());
    kernel_for("cross_entropy", result.device(), detail::cross_entropy_backward_kernels)(
        grads[0], logits.get(), labels.get(), log_sums.get(), eps, result);
    return {result};
  }
  void release() override {
    logits.reset();
    labels.reset();
    log_sums.reset();
  }
};

}  // namespace

Tensor cross_entropy(const Tensor& given, const Tensor& labels,
                     const CrossEntropyOptions& options) {
  const OperationScope operation("cross_entropy");
  const Tensor logits = widened(given);
  const double eps = options.label_smoothing;
  RV_CHECK(eps >= 0 && eps <= 1, "[cross_entropy] label_smoothing must be in [0, 1]; got {}.", eps);
  detail::check_scores("cross_entropy", "logits", logits);
  const std::int64_t batch = logits.size(0);
  RV_CHECK(batch >= 1, "[cross_entropy] the batch is empty: logits have shape {}.", logits.shape());
  detail::check_labels("cross_entropy", labels, batch, logits.size(1));

  const Device device = logits.device();
  Tensor log_sums = empty({batch}, {.dtype = DType::f64, .device = device});
  Tensor mean = empty({}, {.dtype = logits.dtype(), .device = device});
  kernel_for("cross_entropy", device, detail::cross_entropy_kernels)(logits, labels, eps, log_sums,
                                                                     mean);
  if (grad_needed({logits})) {
    auto node = std::make_shared<CrossEntropyBackward>();
    node->logits = logits;
    node->labels = labels;
    node->log_sums = log_sums;
    node->eps = eps;
    attach(std::move(node), {logits}, {mean});
  }
  return mean;
}

}  // namespace ranvier
