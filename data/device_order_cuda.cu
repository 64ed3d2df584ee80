#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier::cuda {
namespace {

constexpr const char* op = "device_order";

// One block, so that nobody reads the place after it has moved.
__global__ void __launch_bounds__(block_threads)
    take_next(const std::int64_t* order, std::int64_t size, std::int64_t* place,
              std::int64_t* samples, std::int64_t count) {
  const std::int64_t first = *place;
  for (std::int64_t i = threadIdx.x; i < count; i += block_threads)
    samples[i] = first + i < size ? order[first + i] : -1;
  __syncthreads();
  if (threadIdx.x == 0) *place = first + count;
}

void next_samples(const Tensor& order, Tensor& place, Tensor& samples) {
  launch(op, order.device(), {1, block_threads}, take_next, elements<std::int64_t>(op, order),
         order.numel(), mutable_elements<std::int64_t>(op, place),
         mutable_elements<std::int64_t>(op, samples), samples.numel());
}

const CudaKernel kernel(ranvier::detail::next_samples_kernels, next_samples);

}  // namespace
}  // namespace ranvier::cuda
