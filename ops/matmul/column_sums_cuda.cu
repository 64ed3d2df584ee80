// Sums over the rows of a matrix: the gradient of a bias, and of whatever partial sums are left in
// rows. A block adds 32 columns of one part of the rows and leaves the sums, f64, in the row of its
// part; the last block of these columns to come so far adds the parts up. So one launch does, and
// the order of additions depends on the sizes only.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Computed;
using ranvier::detail::Type;

constexpr int columns_at_once = 32;
constexpr int groups = block_threads / columns_at_once;  // of threads that share a column
constexpr std::int64_t blocks_wanted = 512;              // they fill a device

// Blocks that have come so far with their part of 32 columns: all 0 between launches. Work on a
// device is done in order, so that one launch at a time counts here.
__device__ unsigned arrived[blocks_wanted];

// The thread's share of the sums over rows [begin, end), from `slot` on each `slots`-th.
template <class In, int width>
__device__ Pack<double, width> sums_of_rows(const In* in, std::int64_t begin, std::int64_t end,
                                            std::int64_t columns, std::int64_t column) {
  using R = Computed<In>;
  constexpr int lanes = columns_at_once / width, slots = block_threads / lanes;
  Pack<double, width> sums{};
  if (column >= columns) return sums;
#pragma unroll 8
  for (std::int64_t row = begin + threadIdx.x / lanes; row < end; row += slots) {
    const auto values = load_as<R, width>(in + row * columns + column);
    for (int k = 0; k < width; ++k) sums.lane[k] += static_cast<double>(values.lane[k]);
  }
  return sums;
}

// The block's sums, in the threads of the first group, each of its column of the 32.
template <class In, int width>
__device__ double block_sums(const In* in, std::int64_t begin, std::int64_t end,
                             std::int64_t columns, std::int64_t first_column) {
  constexpr int lanes = columns_at_once / width, slots = block_threads / lanes;
  __shared__ double shared[slots][columns_at_once];
  const int lane = static_cast<int>(threadIdx.x) % lanes * width;
  const auto own = sums_of_rows<In, width>(in, begin, end, columns, first_column + lane);
  for (int k = 0; k < width; ++k) shared[threadIdx.x / lanes][lane + k] = own.lane[k];
  __syncthreads();
  const int column = static_cast<int>(threadIdx.x) % columns_at_once;
  const int group = static_cast<int>(threadIdx.x) / columns_at_once;
  double sum = shared[group][column];
  for (int slot = group + groups; slot < slots; slot += groups) sum += shared[slot][column];
  __syncthreads();
  shared[group][column] = sum;
  __syncthreads();
  for (int other = 1; group == 0 && other < groups; ++other) sum += shared[other][column];
  return sum;
}

template <class In, int width>  // at least one block fits: ptxas then spills nothing to fit more
__global__ void __launch_bounds__(block_threads, 1)
    sum_rows(const In* __restrict__ in, std::int64_t rows, std::int64_t columns,
             std::int64_t rows_of_part, unsigned column_blocks, double* partial,
             Computed<In>* __restrict__ out) {
  const unsigned column_block = blockIdx.x % column_blocks, part = blockIdx.x / column_blocks;
  const unsigned parts = gridDim.x / column_blocks;
  const std::int64_t first_column = static_cast<std::int64_t>(column_block) * columns_at_once;
  const std::int64_t begin = part * rows_of_part;
  const std::int64_t end = begin + rows_of_part < rows ? begin + rows_of_part : rows;
  const double sum = block_sums<In, width>(in, begin, end, columns, first_column);
  const std::int64_t column = first_column + threadIdx.x;
  const bool writes = threadIdx.x < columns_at_once && column < columns;
  if (parts == 1) {
    if (writes) out[column] = static_cast<Computed<In>>(sum);
    return;
  }
  if (writes) partial[part * columns + column] = sum;
  __threadfence();
  __shared__ bool is_last;
  __syncthreads();
  if (threadIdx.x == 0) is_last = atomicInc(&arrived[column_block], parts - 1) == parts - 1;
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  const double total = block_sums<double, 1>(partial, 0, parts, columns, first_column);
  if (writes) out[column] = static_cast<Computed<In>>(total);
}

// Parts long enough to be worth their partial sums, which one block adds up.
std::int64_t parts_for(std::int64_t rows, std::int64_t column_blocks) {
  constexpr std::int64_t least_rows = 128, most_parts = 256;
  const std::int64_t wanted = std::max<std::int64_t>(1, blocks_wanted / column_blocks);
  return std::clamp<std::int64_t>(rows / least_rows, 1, std::min(wanted, most_parts));
}

template <class In>
void column_sums_of(const char* op, const Tensor& in, std::int64_t rows, Tensor& out) {
  const std::int64_t columns = out.numel();
  const std::int64_t column_blocks = (columns + columns_at_once - 1) / columns_at_once;
  const std::int64_t parts = parts_for(rows, column_blocks);
  const std::int64_t rows_of_part = (rows + parts - 1) / parts;
  const In* const values = elements<In>(op, in);
  Tensor partial = empty({parts, columns}, {.dtype = DType::f64, .device = in.device()});
  constexpr int width = sizeof(In) == 8 ? 1 : 4;
  const auto kernel =
      in_packs<In, width>(columns, {values}) ? sum_rows<In, width> : sum_rows<In, 1>;
  launch(op, in.device(), {static_cast<unsigned>(column_blocks * parts), block_threads}, kernel,
         values, rows, columns, rows_of_part, static_cast<unsigned>(column_blocks),
         mutable_elements<double>(op, partial), mutable_elements<Computed<In>>(op, out));
}

void bias_gradient(const Tensor& gy, Tensor& gb) {
  if (gb.numel() == 0) return;
  column_sums("bias_gradient", gy, gy.numel() / gb.numel(), gb);
}

const CudaKernel bias_gradient_kernel(ranvier::detail::bias_gradient_kernels, bias_gradient);

}  // namespace

void column_sums(const char* op, const Tensor& in, std::int64_t rows, Tensor& out) {
  if (out.numel() == 0) return;
  ranvier::detail::visit_floating(
      op, in.dtype(), [&]<class In>(Type<In>) { column_sums_of<In>(op, in, rows, out); });
}

}  // namespace ranvier::cuda
