// The loss scale on its device. Every block that meets an overflow writes the same number, so there
// is no order to keep.
#include <vector>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/optim/detail/cuda_ranges.h"
#include "ranvier/optim/detail/loss_scale_kernels.h"

namespace ranvier::optim {
namespace {

constexpr const char* op = "loss_scale";

void scaled_seed(const Tensor& state, float share, Tensor& seed) {
  const auto* const numbers = reinterpret_cast<const ScaleState*>(cuda::elements<float>(op, state));
  float* const out = cuda::mutable_elements<float>(op, seed);
  cuda::for_each(op, state.device(), 1,
                 [=] __device__(std::int64_t) { *out = share * numbers->factor; });
}

__global__ void __launch_bounds__(cuda::block_threads)
    look_through(const __grid_constant__ Ranges batch, ScaleState* state) {
  bool finite = true;
  for_each_element(batch, [&](const float& value) { finite = finite && isfinite(value); });
  if (!finite) state->overflow = 1;
}

void find_overflow(std::span<const Tensor> gradients, Tensor& state) {
  auto* const numbers = reinterpret_cast<ScaleState*>(cuda::mutable_elements<float>(op, state));
  for_each_batch<
      Range>(ranges_of(op, gradients), elements_of_block, [&](const Ranges& batch, std::size_t) {
    const unsigned blocks = batch.first_block[batch.number];
    if (blocks > 0)
      cuda::launch(op, state.device(), {blocks, cuda::block_threads}, look_through, batch, numbers);
  });
}

void adapt_scale(const ScaleRules& rules, Tensor& state) {
  auto* const numbers = reinterpret_cast<ScaleState*>(cuda::mutable_elements<float>(op, state));
  cuda::for_each(op, state.device(), 1,
                 [=] __device__(std::int64_t) { *numbers = adapted(rules, *numbers); });
}

const CudaKernel seed_kernel(scaled_seed_kernels, scaled_seed);
const CudaKernel overflow_kernel(find_overflow_kernels, find_overflow);
const CudaKernel adapt_kernel(adapt_scale_kernels, adapt_scale);

}  // namespace
}  // namespace ranvier::optim
