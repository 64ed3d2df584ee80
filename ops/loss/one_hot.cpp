#include "ranvier/ops/loss/one_hot.h"

#include <algorithm>

#include "ranvier/core/activity.h"
#include "ranvier/ops/loss/detail/labels.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"

namespace ranvier {
namespace {

void one_hot_cpu(const Tensor& labels, Tensor& targets) {
  const auto* label = labels.data<std::int64_t>();
  float* out = targets.mutable_data<float>();
  const std::int64_t classes = targets.size(1);
  std::fill_n(out, targets.numel(), 0.0f);
  for (std::int64_t i = 0; i < labels.numel(); ++i) out[i * classes + label[i]] = 1;
}

}  // namespace

namespace detail {
constinit DeviceKernels<OneHotKernel> one_hot_kernels{.cpu = one_hot_cpu};
}

Tensor one_hot(const Tensor& labels, std::int64_t classes) {
  RV_CHECK(labels.rank() == 1 && classes >= 1,
           "[one_hot] needs labels [B] and classes >= 1; got {} and {}.", labels.shape(), classes);
  detail::check_labels("one_hot", labels, labels.numel(), classes);
  Tensor targets = empty({labels.numel(), classes}, {.device = labels.device()});
  kernel_for("one_hot", labels.device(), detail::one_hot_kernels)(labels, targets);
  return targets;
}

}  // namespace ranvier
