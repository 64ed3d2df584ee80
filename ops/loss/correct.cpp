#include <algorithm>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/loss/detail/labels.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/loss.h"

namespace ranvier {
namespace {

void correct_cpu(const Tensor& scores, const Tensor& labels, Tensor& count) {
  const std::int64_t batch = scores.size(0), classes = scores.size(1);
  const auto* label = labels.data<std::int64_t>();
  std::int64_t correct = 0;
  detail::visit_real("correct", scores.dtype(), [&]<class R>(detail::Type<R>) {
    const R* row = scores.data<R>();
    for (std::int64_t i = 0; i < batch; ++i, row += classes)
      correct += std::max_element(row, row + classes) - row == label[i];
  });
  *count.mutable_data<std::int64_t>() = correct;
}

}  // namespace

namespace detail {
constinit DeviceKernels<CorrectKernel> correct_kernels{.cpu = correct_cpu};
}

Tensor correct(const Tensor& scores, const Tensor& labels) {
  detail::check_scores("correct", "scores", scores);
  detail::check_labels("correct", labels, scores.size(0), scores.size(1));
  Tensor count = empty({}, {.dtype = DType::i64, .device = scores.device()});
  kernel_for("correct", scores.device(), detail::correct_kernels)(scores, labels, count);
  return count;
}

std::int64_t count_correct(const Tensor& scores, const Tensor& labels) {
  return *correct(scores, labels).to(cpu_device).data<std::int64_t>();
}

}  // namespace ranvier
