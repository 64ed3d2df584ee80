// Products with at most 16 outputs, the last layer of a network, on tensor cores: next to x and the
// gradient of x, of which each is moved once, all else is small. A warp takes 16 rows of them, and
// weights are read from the caches as tensor cores take them. Sums have a fixed order.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/matmul/detail/cuda_mma.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/narrow.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Gemm;
using ranvier::detail::Type;

constexpr int most_outputs = 16, tile_rows = 16;
constexpr int warps = block_threads / warp_threads;

struct Thread {
  int warp, g, q;

  __device__ Thread()
      : warp(static_cast<int>(threadIdx.x) / warp_threads),
        g(static_cast<int>(threadIdx.x) % warp_threads / 4),
        q(static_cast<int>(threadIdx.x) % 4) {}
};

// Two 16-bit values as a register holds them, zeros where they do not exist.
template <class S>
__device__ unsigned pair_of(const S* low, bool has_low, const S* high, bool has_high) {
  const unsigned lower = has_low ? low->raw : 0u, upper = has_high ? high->raw : 0u;
  return lower | upper << 16;
}

// y = x w + bias: a block takes 16 rows and its warps share out the inputs, 32 at once: a thread
// reads 8 neighbouring inputs of two rows for two products.
template <class S>
__global__ void __launch_bounds__(block_threads)
    narrow_forward(std::int64_t rows, int inputs, int outputs, const S* __restrict__ x,
                   const S* __restrict__ weight, const float* __restrict__ bias,
                   S* __restrict__ y) {
  __shared__ float shared[warps][tile_rows][most_outputs];
  const Thread t;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * tile_rows;
  const bool has_low = first + t.g < rows, has_high = first + t.g + 8 < rows;
  const S* const low = x + (first + t.g) * inputs;
  const S* const high = low + 8 * static_cast<std::int64_t>(inputs);
  float sums[2][4] = {};
#pragma unroll 2
  for (int input = t.warp * 32 + 8 * t.q; input - 8 * t.q < inputs; input += warps * 32) {
    const bool exists = input < inputs;
    uint4 a{}, b{};
    if (exists && has_low) a = *reinterpret_cast<const uint4*>(low + input);
    if (exists && has_high) b = *reinterpret_cast<const uint4*>(high + input);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint4 values = half == 0 ? uint4{a.x, b.x, a.y, b.y} : uint4{a.z, b.z, a.w, b.w};
#pragma unroll
      for (int product = 0; product < 2; ++product) {
        const int output = product * 8 + t.g;
        const bool has = exists && output < outputs;
        const S* const w = weight + ((input + 4 * half) * outputs + output);
        multiply_add<S>(sums[product], values,
                        {pair_of(w, has, w + outputs, has),
                         pair_of(w + 2 * outputs, has, w + 3 * outputs, has)});
      }
    }
  }
#pragma unroll
  for (int product = 0; product < 2; ++product)
#pragma unroll
    for (int k = 0; k < 4; ++k)
      shared[t.warp][t.g + k / 2 * 8][product * 8 + 2 * t.q + k % 2] = sums[product][k];
  __syncthreads();
  const int row = static_cast<int>(threadIdx.x) / most_outputs;
  const int output = static_cast<int>(threadIdx.x) % most_outputs;
  if (first + row >= rows || output >= outputs) return;
  float sum = bias == nullptr ? 0.0f : bias[output];
  for (int warp = 0; warp < warps; ++warp) sum += shared[warp][row][output];
  y[(first + row) * outputs + output] = narrow<S>(sum);
}

// gx = gy w^T, stored as D: a block takes 16 rows and its warps share out the inputs.
template <class S, class D>
__global__ void __launch_bounds__(block_threads)
    narrow_input_gradient(std::int64_t rows, int inputs, int outputs, const S* __restrict__ gy,
                          const S* __restrict__ weight, D* __restrict__ gx) {
  const Thread t;
  const std::int64_t low = static_cast<std::int64_t>(blockIdx.x) * tile_rows + t.g, high = low + 8;
  const auto pair = [&](const S* matrix, std::int64_t row, bool exists, int output) {
    const S* const at = matrix + row * outputs + output;
    return pair_of(at, exists && output < outputs, at + 1, exists && output + 1 < outputs);
  };
  const uint4 gradients = {pair(gy, low, low < rows, 2 * t.q), pair(gy, high, high < rows, 2 * t.q),
                           pair(gy, low, low < rows, 2 * t.q + 8),
                           pair(gy, high, high < rows, 2 * t.q + 8)};
  for (int first = t.warp * chunk_columns; first < inputs; first += warps * chunk_columns) {
    float sums[chunk_products][4] = {};
#pragma unroll
    for (int product = 0; product < chunk_products; ++product) {
      const int input = first + chunk_column(product, t.g);
      multiply_add<S>(sums[product], gradients,
                      {pair(weight, input, input < inputs, 2 * t.q),
                       pair(weight, input, input < inputs, 2 * t.q + 8)});
    }
    const int input = first + 8 * t.q;
    if (input >= inputs) continue;
    if (low < rows) store_chunk(sums, 0, gx + low * inputs + input);
    if (high < rows) store_chunk(sums, 1, gx + high * inputs + input);
  }
}

// The weight gradient x^T gy of 64 inputs over one part of the rows, as [input, output] at
// part * stride of `gw`; and the sums of gy at part * stride of `gb`, unless it is null: they are
// the gradients of one more input, of ones.
template <class S>
__global__ void __launch_bounds__(block_threads)
    narrow_weight_gradient(std::int64_t rows, int inputs, int outputs, int groups,
                           std::int64_t tiles_of_part, std::int64_t stride, const S* __restrict__ x,
                           const S* __restrict__ gy, float* gw, float* gb) {
  const Thread t;
  const int first_input = static_cast<int>(blockIdx.x) % groups * group_columns;
  const std::int64_t part = static_cast<int>(blockIdx.x) / groups;
  const std::int64_t begin = part * tiles_of_part * tile_rows;
  const std::int64_t end = min(begin + tiles_of_part * tile_rows, rows);
  float sums[group_products][4] = {};
  for (std::int64_t tile = begin + t.warp * tile_rows; tile < end; tile += warps * tile_rows) {
    const std::int64_t first = tile + rows_of_thread * t.q;
    RowsOfThread values;
    values.load(x, first, end, inputs, first_input + 8 * t.g);
#pragma unroll
    for (int r = 0; r < rows_of_thread; ++r)
      if (first_input + 8 * t.g == inputs) values.of[r].x = narrow<S>(1.0f).raw;
    const auto pair = [&](int row, int output) {
      const S* const at = gy + (first + row) * outputs + output;
      const bool exists = output < outputs;
      return pair_of(at, exists && first + row < end, at + outputs,
                     exists && first + row + 1 < end);
    };
    const uint4 gradients = {pair(0, t.g), pair(0, t.g + 8), pair(2, t.g), pair(2, t.g + 8)};
#pragma unroll
    for (int product = 0; product < group_products; ++product)
      multiply_add<S>(sums[product], gradients, values.pairs(product));
  }
  add_warps(sums, [&](int output, int input, float sum) {
    input += first_input;
    if (output >= outputs) return;
    if (input < inputs)
      gw[part * stride + static_cast<std::int64_t>(input) * outputs + output] = sum;
    if (input == inputs && gb != nullptr) gb[part * stride + output] = sum;
  });
}

unsigned tiles_of(std::int64_t rows) {
  return static_cast<unsigned>((rows + tile_rows - 1) / tile_rows);
}

template <class S>
void forward(const char* op, const Gemm& g, const Tensor& x, const Tensor& weight,
             const Tensor& bias, Tensor& y) {
  launch(op, y.device(), {tiles_of(g.m), block_threads}, narrow_forward<S>, g.m, g.k, g.n,
         elements<S>(op, x), elements<S>(op, weight), elements_or_null<float>(op, bias),
         mutable_elements<S>(op, y));
}

template <class S, class D>
void input_gradient(const char* op, const Gemm& g, const Tensor& gy, const Tensor& weight,
                    Tensor& gx) {
  launch(op, gx.device(), {tiles_of(g.m), block_threads}, narrow_input_gradient<S, D>, g.m, g.n,
         g.k, elements<S>(op, gy), elements<S>(op, weight), mutable_elements<D>(op, gx));
}

template <class S>
void weight_gradient(const char* op, const Gemm& g, const Tensor& x, const Tensor& gy, Tensor& gw,
                     Tensor& gb) {
  constexpr std::int64_t blocks_wanted = 264, least_tiles = 2 * warps, few_tiles = 8 * warps;
  const std::int64_t inputs = g.m + (gb.defined() ? 1 : 0), stride = whole_row(inputs * g.n);
  const std::int64_t groups = (inputs + group_columns - 1) / group_columns, tiles = tiles_of(g.k);
  const std::int64_t most =
      tiles < few_tiles ? 1 : std::max<std::int64_t>(1, blocks_wanted / groups);
  const std::int64_t wanted = std::clamp<std::int64_t>(tiles / least_tiles, 1, most);
  const std::int64_t of_part = (tiles + wanted - 1) / wanted;
  const std::int64_t number = (tiles + of_part - 1) / of_part;
  Tensor parts;
  if (number > 1) parts = empty({number, stride}, {.device = gw.device()});
  float* const to = mutable_elements<float>(op, number == 1 ? gw : parts);
  float* to_bias = nullptr;
  if (gb.defined()) to_bias = number == 1 ? mutable_elements<float>(op, gb) : to + gw.numel();
  launch(op, gw.device(), {static_cast<unsigned>(groups * number), block_threads},
         narrow_weight_gradient<S>, g.k, g.m, g.n, groups, of_part, stride, elements<S>(op, x),
         elements<S>(op, gy), to, to_bias);
  if (number > 1) column_sums(op, parts, number, gw, gb);
}

}  // namespace

bool narrow_product(const char* op, const Gemm& g, const Tensor& a, const Tensor& b,
                    const Tensor& bias, Tensor& c, Tensor& sums) {
  constexpr std::int64_t most_inputs = 4096;  // more are worth more blocks for one tile of rows
  constexpr std::int64_t most_rows = std::int64_t{1} << 30;
  const auto in_eights = [](std::int64_t columns, const Tensor& matrix) {
    return in_packs<bfloat16>(columns, {matrix.raw_data()});
  };
  const auto run = [&]<class S>(Type<S>) {
    if (g.transpose_a) {
      if (g.transpose_b || g.n > most_outputs || g.k > most_rows || !in_eights(g.m, a) ||
          c.dtype() != DType::f32)
        return false;
      weight_gradient<S>(op, g, a, b, c, sums);
    } else if (g.transpose_b) {
      if (g.k > most_outputs || g.m > most_rows || !in_eights(g.n, c) || bias.defined())
        return false;
      if (c.dtype() == DType::f32)
        input_gradient<S, float>(op, g, a, b, c);
      else
        input_gradient<S, S>(op, g, a, b, c);
    } else {
      if (g.n > most_outputs || g.k > most_inputs || g.m > most_rows || !in_eights(g.k, a) ||
          c.dtype() != g.compute)
        return false;
      forward<S>(op, g, a, b, bias, c);
    }
    return true;
  };
  if (g.compute == DType::bf16) return run(Type<bfloat16>{});
  return g.compute == DType::f16 && run(Type<float16>{});
}

}  // namespace ranvier::cuda
