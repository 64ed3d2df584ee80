// From the layout of our weights to that of cuDNN's filters and back: transposed as matrices of
// taps by outputs, 32 x 32 at a time, and converted on the way.
#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/conv/detail/cuda_conv.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

constexpr unsigned tile = 32, rows_at_once = block_threads / tile;

// out[c, r] = in[r, c]
template <class From, class To>
__global__ void __launch_bounds__(block_threads)
    transpose(const From* __restrict__ in, std::int64_t rows, std::int64_t columns,
              unsigned column_tiles, To* __restrict__ out) {
  __shared__ To moved[tile][tile + 1];
  const unsigned lane = threadIdx.x % tile, slot = threadIdx.x / tile;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x / column_tiles) * tile;
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x % column_tiles) * tile;
  for (unsigned r = slot; r < tile; r += rows_at_once)
    if (first_row + r < rows && first_column + lane < columns)
      moved[r][lane] =
          ranvier::detail::convert<From, To>(in[(first_row + r) * columns + first_column + lane]);
  __syncthreads();
  for (unsigned c = slot; c < tile; c += rows_at_once)
    if (first_column + c < columns && first_row + lane < rows)
      out[(first_column + c) * rows + first_row + lane] = moved[lane][c];
}

template <class From, class To>
void launch_transpose(const Tensor& in, std::int64_t rows, std::int64_t columns, Tensor& out) {
  const std::int64_t row_tiles = (rows + tile - 1) / tile;
  const std::int64_t column_tiles = (columns + tile - 1) / tile;
  launch("conv2d", in.device(), {static_cast<unsigned>(row_tiles * column_tiles), block_threads},
         transpose<From, To>, elements<From>("conv2d", in), rows, columns, column_tiles,
         mutable_elements<To>("conv2d", out));
}

}  // namespace

Tensor filter_of(const ranvier::detail::ConvShape& shape, const Tensor& weight, DType compute) {
  Tensor filter = empty({shape.weight_elements()}, {.dtype = compute, .device = weight.device()});
  const std::int64_t rows = shape.weight_elements() / shape.out;
  ranvier::detail::visit_numeric(compute, [&]<class To>(Type<To>) {
    launch_transpose<float, To>(weight, rows, shape.out, filter);
  });
  return filter;
}

void weight_of(const ranvier::detail::ConvShape& shape, const Tensor& filter, Tensor& weight) {
  const std::int64_t rows = shape.weight_elements() / shape.out;
  ranvier::detail::visit_numeric(filter.dtype(), [&]<class From>(Type<From>) {
    launch_transpose<From, float>(filter, shape.out, rows, weight);
  });
}

}  // namespace ranvier::cuda
