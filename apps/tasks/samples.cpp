#include "apps/tasks/samples.h"

#include <algorithm>
#include <numeric>

namespace ranvier::apps {

TrainingBatch on_device(const TrainingBatch& batch, Device device) {
  if (batch.gather) return batch.gather();
  const auto move = [&](const Tensor& tensor) {
    return tensor.defined() ? tensor.to(device) : tensor;
  };
  return {
      .inputs = move(batch.inputs), .labels = move(batch.labels), .lengths = move(batch.lengths)};
}

TrainingBatch first_samples(const Samples& samples, std::int64_t count) {
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(std::min(count, samples.size())));
  std::iota(chosen.begin(), chosen.end(), 0);
  return samples.fetch(chosen);
}

}  // namespace ranvier::apps
