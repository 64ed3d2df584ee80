#include "apps/support/samples.h"

namespace ranvier::apps {

TrainingBatch on_device(const TrainingBatch& batch, Device device) {
  const auto move = [&](const Tensor& tensor) {
    return tensor.defined() ? tensor.to(device) : tensor;
  };
  return {
      .inputs = move(batch.inputs), .labels = move(batch.labels), .lengths = move(batch.lengths)};
}

}  // namespace ranvier::apps
