#include "ranvier/ops/loss/one_hot.h"

#include "ranvier/ops/loss/detail/labels.h"

namespace ranvier {

Tensor one_hot(const Tensor& labels, std::int64_t classes) {
  RV_CHECK(labels.rank() == 1 && classes >= 1,
           "[one_hot] needs labels [B] and classes >= 1; got {} and {}.", labels.shape(), classes);
  const std::int64_t* label = detail::checked_labels("one_hot", labels, labels.numel(), classes);
  Tensor targets = zeros({labels.numel(), classes});
  float* out = targets.mutable_data<float>();
  for (std::int64_t i = 0; i < labels.numel(); ++i) out[i * classes + label[i]] = 1;
  return targets;
}

}  // namespace ranvier
