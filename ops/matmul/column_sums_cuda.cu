// Sums over the rows of a matrix: the gradient of a bias, and of whatever partial sums are left in
// rows. A block adds 32 columns of one part of the rows and leaves the sums, f64, in the row of its
// part; the last block of these columns to come so far adds the parts up. So one launch does, and
// the order of additions depends on the sizes only.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/cuda_reduce.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Computed;
using ranvier::detail::Type;

constexpr int columns_at_once = warp_threads;
constexpr int warps = block_threads / warp_threads;
constexpr int loads = 8;                     // of a thread that are on their way at once
constexpr std::int64_t blocks_wanted = 512;  // they fill a device, four on a multiprocessor

// Where the sums go: those of the columns after the first `columns` have an array of their own.
template <class R>
struct Sums {
  R* first;
  std::int64_t columns;
  R* rest;

  __device__ void write(std::int64_t column, double sum) const {
    (column < columns ? first[column] : rest[column - columns]) = static_cast<R>(sum);
  }
};

// Blocks that have come so far with their part of 32 columns: all 0 between launches. Work on a
// device is done in order, so that one launch at a time counts here.
__device__ unsigned arrived[blocks_wanted];

template <int width, class In>
__device__ __forceinline__ auto stored(const In* from) {
  if constexpr (width * sizeof(In) % 4 == 0)
    return load_words<width>(from);
  else
    return load<In, width>(from);
}

// The thread's share of the sums of `width` columns over rows [begin, end), from its slot on each
// `slots`-th. Rows after the last are zeros, so that no loop over what is left waits for each row.
template <class In, int width>
__device__ __forceinline__ Pack<double, width> sums_of_rows(const In* in, std::int64_t begin,
                                                            std::int64_t end, std::int64_t columns,
                                                            std::int64_t stride,
                                                            std::int64_t column) {
  using R = Computed<In>;
  constexpr int lanes = columns_at_once / width, slots = block_threads / lanes;
  Pack<double, width> sums{};
  if (column >= columns) return sums;
  for (std::int64_t row = begin + threadIdx.x / lanes; row < end; row += loads * slots) {
    const In* const from = in + row * stride + column;
    decltype(stored<width>(from)) values[loads];
#pragma unroll
    for (int i = 0; i < loads; ++i) {
      values[i] = {};
      if (row + i * slots < end) values[i] = stored<width>(from + i * slots * stride);
    }
#pragma unroll
    for (int i = 0; i < loads; ++i) {
      const auto wide = widen<R>(values[i]);
#pragma unroll
      for (int k = 0; k < width; ++k) sums.lane[k] += static_cast<double>(wide.lane[k]);
    }
  }
  return sums;
}

// The block's sums, in the threads of the first warp, each of its column of the 32. A warp has as
// many slots as a thread has columns: halving the columns and the slots that share them in turn
// leaves each thread with one.
template <class In, int width>
__device__ __forceinline__ double block_sums(const In* in, std::int64_t begin, std::int64_t end,
                                             std::int64_t columns, std::int64_t stride,
                                             std::int64_t first_column) {
  constexpr int lanes = columns_at_once / width;
  __shared__ double shared[warps][columns_at_once];
  const int thread = static_cast<int>(threadIdx.x) % warp_threads, slot = thread / lanes;
  const int lane = thread % lanes * width;
  auto own = sums_of_rows<In, width>(in, begin, end, columns, stride, first_column + lane);
#pragma unroll
  for (int half = width / 2; half > 0; half /= 2) {
    const bool upper = (slot & half) != 0;
#pragma unroll
    for (int k = 0; k < half; ++k) {
      const double given = upper ? own.lane[k] : own.lane[k + half];
      const double kept = upper ? own.lane[k + half] : own.lane[k];
      own.lane[k] = kept + __shfl_xor_sync(whole_warp, given, half * lanes);
    }
  }
  shared[threadIdx.x / warp_threads][lane + slot] = own.lane[0];
  __syncthreads();
  double sum = 0;
  if (threadIdx.x < columns_at_once)
#pragma unroll
    for (int warp = 0; warp < warps; ++warp) sum += shared[warp][threadIdx.x];
  return sum;
}

template <class In, int width>
__global__ void __launch_bounds__(block_threads, 4)
    sum_rows(const In* __restrict__ in, std::int64_t rows, std::int64_t columns,
             std::int64_t stride, std::int64_t rows_of_part, unsigned column_blocks,
             double* partial, const Sums<Computed<In>> out) {
  const unsigned column_block = blockIdx.x % column_blocks, part = blockIdx.x / column_blocks;
  const unsigned parts = gridDim.x / column_blocks;
  const std::int64_t first_column = static_cast<std::int64_t>(column_block) * columns_at_once;
  const std::int64_t begin = part * rows_of_part;
  const std::int64_t end = begin + rows_of_part < rows ? begin + rows_of_part : rows;
  const double sum = block_sums<In, width>(in, begin, end, columns, stride, first_column);
  const std::int64_t column = first_column + threadIdx.x;
  const bool writes = threadIdx.x < columns_at_once && column < columns;
  if (parts == 1) {
    if (writes) out.write(column, sum);
    return;
  }
  partial += first_column * parts;  // rows of 32 columns
  if (threadIdx.x < columns_at_once) partial[part * columns_at_once + threadIdx.x] = sum;
  __threadfence();
  __shared__ bool is_last;
  __syncthreads();
  if (threadIdx.x == 0) is_last = atomicInc(&arrived[column_block], parts - 1) == parts - 1;
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  const double total =
      block_sums<double, 2>(partial, 0, parts, columns_at_once, columns_at_once, 0);
  if (writes) out.write(column, total);
}

// Parts long enough to be worth their partial sums, which one block adds up.
std::int64_t parts_for(std::int64_t rows, std::int64_t column_blocks) {
  constexpr std::int64_t least_rows = 128, most_parts = 256;
  const std::int64_t wanted = std::max<std::int64_t>(1, blocks_wanted / column_blocks);
  return std::clamp<std::int64_t>(rows / least_rows, 1, std::min(wanted, most_parts));
}

template <class In>
void column_sums_of(const char* op, const Tensor& in, std::int64_t rows, Tensor& out,
                    Tensor& rest) {
  using R = Computed<In>;
  const std::int64_t columns = out.numel() + (rest.defined() ? rest.numel() : 0);
  const std::int64_t stride = rows == 0 ? columns : in.numel() / rows;
  const std::int64_t column_blocks = (columns + columns_at_once - 1) / columns_at_once;
  const std::int64_t parts = parts_for(rows, column_blocks);
  const std::int64_t rows_of_part = (rows + parts - 1) / parts;
  const In* const values = elements<In>(op, in);
  Tensor partial = empty({parts == 1 ? 0 : parts * column_blocks, columns_at_once},
                         {.dtype = DType::f64, .device = in.device()});
  constexpr int width = full_lanes<R>;
  const auto kernel = in_packs<In, width>(stride, {values}) ? sum_rows<In, width> : sum_rows<In, 1>;
  launch(op, in.device(), {static_cast<unsigned>(column_blocks * parts), block_threads}, kernel,
         values, rows, columns, stride, rows_of_part, static_cast<unsigned>(column_blocks),
         mutable_elements<double>(op, partial),
         Sums<R>{mutable_elements<R>(op, out), out.numel(),
                 rest.defined() ? mutable_elements<R>(op, rest) : nullptr});
}

void bias_gradient(const Tensor& gy, Tensor& gb) {
  if (gb.numel() == 0) return;
  column_sums("bias_gradient", gy, gy.numel() / gb.numel(), gb);
}

const CudaKernel bias_gradient_kernel(ranvier::detail::bias_gradient_kernels, bias_gradient);

}  // namespace

void column_sums(const char* op, const Tensor& in, std::int64_t rows, Tensor& out) {
  Tensor none;
  column_sums(op, in, rows, out, none);
}

void column_sums(const char* op, const Tensor& in, std::int64_t rows, Tensor& out, Tensor& rest) {
  if (out.numel() == 0 && (!rest.defined() || rest.numel() == 0)) return;
  ranvier::detail::visit_floating(
      op, in.dtype(), [&]<class In>(Type<In>) { column_sums_of<In>(op, in, rows, out, rest); });
}

}  // namespace ranvier::cuda
