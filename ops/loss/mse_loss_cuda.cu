// Blocks add up squares in f64 over parts that depend on the number of elements alone; the last
// kernel adds the parts up in order. One block does both if there are few elements.
#include "ranvier/core/detail/cuda_reduce.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

constexpr const char* op = "mse_loss";
constexpr unsigned large_block = 1024;
constexpr std::int64_t most_parts = 1024, few_elements = 1 << 14;

template <class R>
__device__ void write_mean(double sum, std::int64_t count, R* mean) {
  sum = block_sum(sum);
  if (threadIdx.x == 0) *mean = static_cast<R>(sum / static_cast<double>(count));
}

template <class R>
__global__ void __launch_bounds__(large_block)
    add_squares(const R* __restrict__ p, const R* __restrict__ t, std::int64_t count, double* parts,
                R* mean) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  double sum = 0;
#pragma unroll 4
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const double difference = static_cast<double>(p[i]) - static_cast<double>(t[i]);
    sum += difference * difference;
  }
  if (gridDim.x == 1) return write_mean(sum, count, mean);
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <class R>
__global__ void __launch_bounds__(large_block)
    add_parts(const double* parts, std::int64_t number, std::int64_t count, R* mean) {
  write_mean(threadIdx.x < number ? parts[threadIdx.x] : 0.0, count, mean);
}

template <class R>
void forward_elements(const Tensor& prediction, const Tensor& target, Tensor& mean) {
  const Device device = prediction.device();
  const std::int64_t count = prediction.numel();
  const std::int64_t number =
      count <= few_elements ? 1 : std::min(most_parts, (count + large_block - 1) / large_block);
  Tensor parts = empty({number}, {.dtype = DType::f64, .device = device});
  double* const part = mutable_elements<double>(op, parts);
  R* const out = mutable_elements<R>(op, mean);
  launch(op, device, {static_cast<unsigned>(number), large_block}, add_squares<R>,
         elements<R>(op, prediction), elements<R>(op, target), count, part, out);
  if (number > 1) launch(op, device, {1, large_block}, add_parts<R>, part, number, count, out);
}

void forward(const Tensor& prediction, const Tensor& target, Tensor& mean) {
  ranvier::detail::visit_real(op, prediction.dtype(), [&]<class R>(Type<R>) {
    forward_elements<R>(prediction, target, mean);
  });
}

template <class R>
void backward_elements(const Tensor& grad, const Tensor& a, const Tensor& b, Tensor& result) {
  const std::int64_t count = a.numel();
  const R* const g = elements<R>(op, grad);
  const R *const left = elements<R>(op, a), *const right = elements<R>(op, b);
  R* const out = mutable_elements<R>(op, result);
  for_each(op, a.device(), count, [=] __device__(std::int64_t i) {
    const double factor = 2 * static_cast<double>(*g) / static_cast<double>(count);
    out[i] = static_cast<R>(factor) * (left[i] - right[i]);
  });
}

void backward(const Tensor& grad, const Tensor& a, const Tensor& b, Tensor& result) {
  ranvier::detail::visit_real(op, a.dtype(),
                              [&]<class R>(Type<R>) { backward_elements<R>(grad, a, b, result); });
}

const CudaKernel forward_kernel(ranvier::detail::mse_loss_kernels, forward);
const CudaKernel backward_kernel(ranvier::detail::mse_loss_backward_kernels, backward);

}  // namespace
}  // namespace ranvier::cuda
