#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/random_kernels.h"

namespace ranvier::cuda {
namespace {

void set_place(std::uint64_t seed, std::uint64_t block, Tensor& place) {
  std::int64_t* const out = mutable_elements<std::int64_t>("graph_random", place);
  for_each("graph_random", place.device(), 2, [=] __device__(std::int64_t i) {
    out[i] = static_cast<std::int64_t>(i == 0 ? seed : block);
  });
}

const CudaKernel kernel(ranvier::detail::set_place_kernels, set_place);

}  // namespace
}  // namespace ranvier::cuda
