#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"

namespace ranvier::cuda {
namespace {

void write_targets(const Tensor& labels, Tensor& targets) {
  const std::int64_t classes = targets.size(1);
  const std::int64_t* const label = elements<std::int64_t>("one_hot", labels);
  float* const out = mutable_elements<float>("one_hot", targets);
  for_each("one_hot", targets.device(), targets.numel(), [=] __device__(std::int64_t i) {
    const std::int64_t row = i / classes, of_row = label[row];
    const bool known = of_row >= 0 && of_row < classes;
    out[i] = !known ? nanf("") : i - row * classes == of_row ? 1.0f : 0.0f;
  });
}

const CudaKernel kernel(ranvier::detail::one_hot_kernels, write_targets);

}  // namespace
}  // namespace ranvier::cuda
