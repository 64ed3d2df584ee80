// Norms and bounds of gradients. A block sums the squares of a part of one gradient, a second
// kernel the parts of each gradient in a fixed order, so that the bits depend on sizes only.
#include <vector>

#include "ranvier/optim/detail/clip_kernels.h"
#include "ranvier/optim/detail/cuda_ranges.h"

namespace ranvier::optim {
namespace {

// The sum of a value of each thread, in thread 0.
__device__ double sum_of_block(double value) {
  __shared__ double sums[cuda::block_threads];
  sums[threadIdx.x] = value;
  for (unsigned half = cuda::block_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  return sums[0];
}

__global__ void __launch_bounds__(cuda::block_threads)
    square_parts(const __grid_constant__ Ranges batch, double* __restrict__ parts) {
  double sum = 0;
  for_each_element(batch, [&](const float& value) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  });
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// A block for each gradient.
__global__ void __launch_bounds__(cuda::block_threads)
    add_parts(const __grid_constant__ Ranges batch, const double* __restrict__ parts,
              double* __restrict__ sums) {
  double sum = 0;
  for (unsigned i = batch.first_block[blockIdx.x] + threadIdx.x;
       i < batch.first_block[blockIdx.x + 1]; i += cuda::block_threads)
    sum += parts[i];
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(cuda::block_threads)
    scale_all(const __grid_constant__ Ranges batch, const double* __restrict__ norm,
              double max_norm) {
  const double factor = max_norm / (*norm + 1e-6);
  if (!(factor < 1) || factor == 0) return;  // 0: the norm is infinite
  const auto by = static_cast<float>(factor);
  for_each_element(batch, [&](float& value) { value *= by; });
}

__global__ void __launch_bounds__(cuda::block_threads)
    clamp_all(const __grid_constant__ Ranges batch, float limit) {
  for_each_element(batch, [&](float& value) {
    const float bounded = value > limit ? limit : value;
    value = bounded < -limit ? -limit : bounded;
  });
}

// Launches kernel(batch, arguments...) over all gradients.
template <class Kernel, class... Arguments>
void launch_over(const char* op, std::span<Tensor> gradients, Kernel kernel,
                 const Arguments&... arguments) {
  for (Tensor& gradient : gradients) gradient.mutable_raw_data();  // counts as a write
  const std::vector<Range> ranges = ranges_of(op, gradients);
  for_each_batch<Range>(ranges, elements_of_block, [&](const Ranges& batch, std::size_t) {
    const unsigned blocks = batch.first_block[batch.number];
    if (blocks == 0) return;
    cuda::launch(op, gradients[0].device(), {blocks, cuda::block_threads}, kernel, batch,
                 arguments...);
  });
}

void sums_of_squares(std::span<const Tensor> gradients, Tensor& sums) {
  constexpr const char* op = "grad_norm";
  double* const out = cuda::mutable_elements<double>(op, sums);
  const std::vector<Range> ranges = ranges_of(op, gradients);
  for_each_batch<Range>(ranges, elements_of_block, [&](const Ranges& batch, std::size_t first) {
    const unsigned blocks = batch.first_block[batch.number];
    Tensor parts = empty({blocks}, {.dtype = DType::f64, .device = sums.device()});
    double* const to = cuda::mutable_elements<double>(op, parts);
    if (blocks > 0)
      cuda::launch(op, sums.device(), {blocks, cuda::block_threads}, square_parts, batch, to);
    cuda::launch(op, sums.device(), {static_cast<unsigned>(batch.number), cuda::block_threads},
                 add_parts, batch, to, out + first);
  });
}

void norm(const Tensor& sums, Tensor& norm) {
  const double* const in = cuda::elements<double>("grad_norm", sums);
  double* const out = cuda::mutable_elements<double>("grad_norm", norm);
  const std::int64_t number = sums.numel();
  cuda::for_each("grad_norm", sums.device(), 1, [=] __device__(std::int64_t) {
    double total = 0;
    for (std::int64_t i = 0; i < number; ++i) total += in[i];
    *out = sqrt(total);
  });
}

void scale_to_norm(std::span<Tensor> gradients, const Tensor& norm, double max_norm) {
  launch_over("clip_grad_norm", gradients, scale_all,
              cuda::elements<double>("clip_grad_norm", norm), max_norm);
}

void clamp(std::span<Tensor> gradients, float limit) {
  launch_over("clip_grad_value", gradients, clamp_all, limit);
}

const CudaKernel sums_of_squares_kernel(sums_of_squares_kernels, sums_of_squares);
const CudaKernel norm_kernel(norm_kernels, norm);
const CudaKernel scale_to_norm_kernel(scale_to_norm_kernels, scale_to_norm);
const CudaKernel clamp_kernel(clamp_kernels, clamp);

}  // namespace
}  // namespace ranvier::optim
