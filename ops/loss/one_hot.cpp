#include "ranvier/ops/loss/one_hot.h"

namespace ranvier {

Tensor one_hot(const Tensor& labels, std::int64_t classes) {
  RV_CHECK(labels.rank() == 1 && classes >= 1,
           "[one_hot] needs labels [B] and classes >= 1; got {} and {}.", labels.shape(), classes);
  Tensor targets = zeros({labels.numel(), classes});
  const std::int64_t* label = labels.data<std::int64_t>();
  float* out = targets.mutable_data<float>();
  for (std::int64_t i = 0; i < labels.numel(); ++i) {
    RV_CHECK(label[i] >= 0 && label[i] < classes,
             "[one_hot] label {} is {}; it must be in [0, {}).", i, label[i], classes);
    out[i * classes + label[i]] = 1;
  }
  return targets;
}

}  // namespace ranvier
