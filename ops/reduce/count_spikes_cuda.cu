// Spikes counted along time on a CUDA device: a thread takes a byte, which is eight neurons,
// through all steps. Reads 1/8 byte a spike and step, writes 4 bytes a neuron.
#include "ranvier/core/detail/cuda_index.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"

namespace ranvier::detail {
namespace {

using cuda::block_threads;

constexpr int byte_bits = 8;

struct Bytes {
  std::int64_t steps, rows, columns;

  RV_HD std::int64_t of_row() const { return words_per_row(columns) * 8; }  // padding included
  RV_HD std::int64_t used() const { return (columns + byte_bits - 1) / byte_bits; }
};

__global__ void __launch_bounds__(block_threads)
    count_bytes(const Bytes size, bool packed, const std::uint8_t* x, double divisor, float* y) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
  if (i >= size.rows * size.used()) return;
  const cuda::Division at = cuda::divide(i, size.used());
  const std::int64_t step = size.rows * size.of_row();
  x += at.quotient * size.of_row() + at.remainder;
  int counts[byte_bits] = {};
#pragma unroll 8
  for (std::int64_t t = 0; t < size.steps; ++t) {
    const unsigned byte = x[t * step];
#pragma unroll
    for (int k = 0; k < byte_bits; ++k) counts[k] += static_cast<int>(byte >> k & 1);
  }
  const std::int64_t column = at.remainder * byte_bits;
  y += at.quotient * size.columns + column;
  cuda::Pack<float, 4> rates[2];
#pragma unroll
  for (int k = 0; k < byte_bits; ++k)
    rates[k / 4].lane[k % 4] = static_cast<float>(static_cast<double>(counts[k]) / divisor);
  if (packed) {
    cuda::store<float, 4>(y, rates[0]);
    cuda::store<float, 4>(y + 4, rates[1]);
  } else {
#pragma unroll
    for (int k = 0; k < byte_bits; ++k)
      if (column + k < size.columns) y[k] = rates[k / 4].lane[k % 4];
  }
}

void count_spikes(const char* op, const Tensor& x, double divisor, Tensor& y) {
  if (y.numel() == 0) return;
  const Bytes size{x.size(0), x.shape().sub(1, x.rank() - 1).numel(), x.size(-1)};
  float* const out = cuda::mutable_elements<float>(op, y);
  const bool packed = size.columns % byte_bits == 0 && cuda::in_packs<float>(size.columns, {out});
  cuda::launch(op, x.device(), cuda::grid_for(size.rows * size.used()), count_bytes, size, packed,
               reinterpret_cast<const std::uint8_t*>(cuda::elements<std::uint64_t>(op, x)), divisor,
               out);
}

const CudaKernel count_spikes_kernel(count_spikes_kernels, count_spikes);

}  // namespace
}  // namespace ranvier::detail
