// Sums over the rows of a matrix: the gradient of a bias, and of whatever partial sums are left in
// rows. A block adds 32 columns of one part of the rows, 8 rows at a time; what it leaves, f64 in
// the row of its part, is added up by the same kernel. So the order depends on the sizes only.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::cuda {
namespace {

constexpr int columns_at_once = 32, rows_at_once = 8;
static_assert(columns_at_once * rows_at_once == block_threads);

template <class In, class Out>
__global__ void __launch_bounds__(block_threads)
    sum_rows(const In* __restrict__ in, std::int64_t rows, std::int64_t columns,
             std::int64_t rows_of_part, unsigned column_blocks, Out* __restrict__ out) {
  __shared__ double sums[rows_at_once][columns_at_once];
  const unsigned lane = threadIdx.x % columns_at_once, slot = threadIdx.x / columns_at_once;
  const std::int64_t column =
      static_cast<std::int64_t>(blockIdx.x % column_blocks) * columns_at_once + lane;
  const std::int64_t part = blockIdx.x / column_blocks;
  const std::int64_t begin = part * rows_of_part;
  const std::int64_t end = begin + rows_of_part < rows ? begin + rows_of_part : rows;
  double sum = 0;
  if (column < columns) {
#pragma unroll 8
    for (std::int64_t row = begin + slot; row < end; row += rows_at_once)
      sum += static_cast<double>(in[row * columns + column]);
  }
  sums[slot][lane] = sum;
  __syncthreads();
  if (slot != 0 || column >= columns) return;
  for (int other = 1; other < rows_at_once; ++other) sum += sums[other][lane];
  out[part * columns + column] = static_cast<Out>(sum);
}

// Enough parts to fill a device, each long enough to be worth its partial sum.
std::int64_t parts_for(std::int64_t rows, std::int64_t column_blocks) {
  constexpr std::int64_t blocks_wanted = 1024, least_rows = 128, most_parts = 512;
  const std::int64_t wanted = std::max<std::int64_t>(1, blocks_wanted / column_blocks);
  return std::clamp<std::int64_t>(rows / least_rows, 1, std::min(wanted, most_parts));
}

template <class T>
void column_sums_of(const char* op, const Tensor& in, std::int64_t rows, Tensor& out) {
  const std::int64_t columns = out.numel();
  const std::int64_t column_blocks = (columns + columns_at_once - 1) / columns_at_once;
  const std::int64_t parts = parts_for(rows, column_blocks);
  const std::int64_t rows_of_part = (rows + parts - 1) / parts;
  const T* const values = elements<T>(op, in);
  T* const result = mutable_elements<T>(op, out);
  const auto grid = [&](std::int64_t number) {
    return Grid{static_cast<unsigned>(column_blocks * number), block_threads};
  };
  const auto blocks = static_cast<unsigned>(column_blocks);
  if (parts == 1)
    return launch(op, in.device(), grid(1), sum_rows<T, T>, values, rows, columns, rows, blocks,
                  result);
  Tensor partial = empty({parts, columns}, {.dtype = DType::f64, .device = in.device()});
  double* const sums = mutable_elements<double>(op, partial);
  launch(op, in.device(), grid(parts), sum_rows<T, double>, values, rows, columns, rows_of_part,
         blocks, sums);
  launch(op, in.device(), grid(1), sum_rows<double, T>, sums, parts, columns, parts, blocks,
         result);
}

void bias_gradient(const Tensor& gy, Tensor& gb) {
  if (gb.numel() == 0) return;
  column_sums("bias_gradient", gy, gy.numel() / gb.numel(), gb);
}

const CudaKernel bias_gradient_kernel(ranvier::detail::bias_gradient_kernels, bias_gradient);

}  // namespace

void column_sums(const char* op, const Tensor& in, std::int64_t rows, Tensor& out) {
  if (out.numel() == 0) return;
  ranvier::detail::visit_real(op, out.dtype(), [&]<class T>(ranvier::detail::Type<T>) {
    column_sums_of<T>(op, in, rows, out);
  });
}

}  // namespace ranvier::cuda
