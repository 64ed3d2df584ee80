// The mask of steps, and firing rates: blocks add up whole steps, and one block adds up theirs.
#include "ranvier/core/detail/cuda_reduce.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/sequence/detail/sequence_kernels.h"

namespace ranvier::cuda {
namespace {

constexpr const char* op = "firing_rate";
constexpr std::int64_t most_blocks = 1024;

void step_mask(const Tensor& lengths, Tensor& mask) {
  const std::int64_t batch = mask.size(1);
  const std::int64_t* const length = elements<std::int64_t>("step_mask", lengths);
  float* const out = mutable_elements<float>("step_mask", mask);
  for_each("step_mask", mask.device(), mask.numel(), [=] __device__(std::int64_t i) {
    out[i] = i / batch < length[i % batch] ? 1.0f : 0.0f;
  });
}

__device__ double spikes_in(float value) { return value; }
__device__ double spikes_in(double value) { return value; }
__device__ double spikes_in(std::uint64_t word) { return __popcll(word); }

/// Rows [steps, batch] of `width` values or words; the first `length[b]` steps of sample b count.
template <class T>
struct Rows {
  const T* value;
  std::int64_t steps, batch, width;
  const std::int64_t* length;  // null: all

  __device__ std::int64_t own_steps(std::int64_t b) const {
    if (length == nullptr || length[b] > steps) return steps;
    return length[b] < 1 ? 1 : length[b];
  }
};

template <class T>
__global__ void __launch_bounds__(block_threads) add_rows(const Rows<T> rows, double* parts) {
  double sum = 0;
  for (std::int64_t row = blockIdx.x; row < rows.steps * rows.batch; row += gridDim.x) {
    if (row / rows.batch >= rows.own_steps(row % rows.batch)) continue;
    for (std::int64_t i = threadIdx.x; i < rows.width; i += blockDim.x)
      sum += spikes_in(rows.value[row * rows.width + i]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <class T>
__global__ void __launch_bounds__(block_threads)
    divide(const Rows<T> rows, std::int64_t neurons, const double* parts, std::int64_t number,
           double* rate) {
  double fired = 0, counted = 0;
  for (std::int64_t i = threadIdx.x; i < number; i += blockDim.x) fired += parts[i];
  for (std::int64_t b = threadIdx.x; b < rows.batch; b += blockDim.x)
    counted += static_cast<double>(rows.own_steps(b));
  fired = block_sum(fired);
  counted = block_sum(counted);
  if (threadIdx.x == 0) *rate = fired / (counted * static_cast<double>(neurons));
}

template <class T>
double rate_of(const Tensor& spikes, const Tensor& lengths) {
  const Device device = spikes.device();
  const std::int64_t rows = spikes.size(0) * spikes.size(1);
  const std::int64_t width = spikes.nbytes() / static_cast<std::int64_t>(sizeof(T)) / rows;
  const Rows<T> of{elements<T>(op, spikes), spikes.size(0), spikes.size(1), width,
                   elements_or_null<std::int64_t>(op, lengths)};
  const std::int64_t blocks = std::min(rows, most_blocks);
  Tensor parts = empty({blocks}, {.dtype = DType::f64, .device = device});
  Tensor rate = empty({}, {.dtype = DType::f64, .device = device});
  double* const part = mutable_elements<double>(op, parts);
  launch(op, device, {static_cast<unsigned>(blocks), block_threads}, add_rows<T>, of, part);
  launch(op, device, {1, block_threads}, divide<T>, of, spikes.numel() / rows, part, blocks,
         mutable_elements<double>(op, rate));
  return rate.item();
}

double firing_rate(const Tensor& spikes, const Tensor& lengths) {
  if (spikes.dtype() == DType::bits) return rate_of<std::uint64_t>(spikes, lengths);
  return ranvier::detail::visit_real(op, spikes.dtype(), [&]<class T>(ranvier::detail::Type<T>) {
    return rate_of<T>(spikes, lengths);
  });
}

const CudaKernel step_mask_kernel(ranvier::detail::step_mask_kernels, step_mask);
const CudaKernel firing_rate_kernel(ranvier::detail::firing_rate_kernels, firing_rate);

}  // namespace
}  // namespace ranvier::cuda
