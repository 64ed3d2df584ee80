// Packed rows of another length on a CUDA device: a thread collects a word of the result.
#include <algorithm>

#include "ranvier/core/detail/cuda_index.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/shape/detail/bit_rows.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"
#include "ranvier/ops/shape/detail/layout.h"

namespace ranvier::detail {
namespace {

__global__ void __launch_bounds__(cuda::block_threads)
    repack_words(std::int64_t words, std::int64_t from_columns, std::int64_t to_columns,
                 const std::uint64_t* from, std::uint64_t* to) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= words) return;
  const cuda::Division at = cuda::divide(i, words_per_row(to_columns));
  const std::int64_t begin = at.remainder * 64;  // in the row
  const std::int64_t count = std::min<std::int64_t>(64, to_columns - begin);
  const cuda::Division source = cuda::divide(at.quotient * to_columns + begin, from_columns);
  const std::uint64_t* row = from + source.quotient * words_per_row(from_columns);
  std::int64_t column = source.remainder;
  std::uint64_t word = 0;
  for (std::int64_t filled = 0; filled < count;) {
    const std::int64_t taken = std::min(count - filled, from_columns - column);
    word |= read_bits(row, column, taken) << filled;
    filled += taken;
    column = 0;
    row += words_per_row(from_columns);
  }
  to[i] = word;
}

void repack(const Tensor& x, Tensor& y) {
  const std::int64_t from_columns = packed_columns(x.shape()),
                     to_columns = packed_columns(y.shape());
  const std::int64_t words = x.numel() / to_columns * words_per_row(to_columns);
  cuda::launch("reshape", x.device(), cuda::grid_for(words), repack_words, words, from_columns,
               to_columns, cuda::elements<std::uint64_t>("reshape", x),
               cuda::mutable_elements<std::uint64_t>("reshape", y));
}

const CudaKernel repack_kernel(repack_kernels, repack);

}  // namespace
}  // namespace ranvier::detail
