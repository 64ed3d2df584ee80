#include "ranvier/ops/loss/detail/labels.h"

namespace ranvier::detail {

void check_scores(const char* op, const char* what, const Tensor& scores) {
  RV_CHECK(scores.rank() == 2 && scores.size(1) >= 1,
           "[{}] {} must be [B, C] with C >= 1; got shape {}.", op, what, scores.shape());
}

void check_labels(const char* op, const Tensor& labels, std::int64_t batch, std::int64_t classes) {
  RV_CHECK(labels.shape() == Shape{batch} && labels.dtype() == DType::i64,
           "[{}] labels must be i64 {}; got {} {}.", op, Shape{batch}, labels.dtype(),
           labels.shape());
  if (labels.device() != cpu_device) return;  // reading them would wait for the device
  const auto* label = labels.data<std::int64_t>();
  for (std::int64_t i = 0; i < batch; ++i)
    RV_CHECK(label[i] >= 0 && label[i] < classes, "[{}] label {} is {}; it must be in [0, {}).", op,
             i, label[i], classes);
}

}  // namespace ranvier::detail
