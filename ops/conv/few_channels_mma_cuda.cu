// Convolutions with few input channels, one group and y of 16 bit on tensor cores: with the taps
// of all input channels as one axis, "rows" as those of the weight, y is patches of x times the
// weight, and the gradient of the weight is patches, transposed, times gy. A warp gathers the
// patches of 16 pixels into registers in the order in which tensor cores take them; y is written
// once, and gy is read once for each 32 rows. Operands are rounded to 16 bit, sums are f32.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/cuda_reduce.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/conv/detail/cuda_conv.h"
#include "ranvier/ops/conv/detail/few_channels.h"
#include "ranvier/ops/matmul/detail/cuda_mma.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::ConvShape;
using ranvier::detail::Type;
constexpr const char* op = "conv2d";

constexpr unsigned warps = block_threads / warp_threads;
constexpr int tile_pixels = 16;  // that a warp takes at once
constexpr int step_rows = 16;    // of the weight that a product takes at once

// What an output pixel sees, stored as X (f32 or 16 bit).
template <class X>
struct Window {
  const X* x;
  const X* corner;
  int top, left;

  __device__ Window(const Sizes& s, const X* x_in, const Pixel& pixel, bool exists)
      : x(x_in),
        corner(x + pixel.window(s)),
        top(exists ? pixel.window_y(s) : s.height),  // below the image: sees nothing
        left(pixel.window_x(s)) {}

  __device__ float at(const Sizes& s, const Entry& entry) const {
    const bool rows = within(top + entry.dy, s.height), columns = within(left + entry.dx, s.width);
    const bool inside = rows & columns;  // without branches, so that loads go out together
    const float value = widen<float>(*(inside ? corner + entry.offset : x));
    return inside ? value : 0.0f;
  }
};

// The forward pass. The weight lies in shared memory as threads take it, a chunk of output channels
// after the other.

struct ForwardPlan {
  int rows = 0;    // of the weight
  int steps = 0;   // of 16 rows
  int chunks = 0;  // of 32 output channels
  unsigned tiles_of_warp = 1;

  RV_HD unsigned fragments() const {
    return static_cast<unsigned>(steps * chunks * chunk_products) * warp_threads;
  }
  RV_HD unsigned patches() const { return warps * static_cast<unsigned>(steps) * warp_threads; }
  std::size_t shared_bytes() const {
    return patches() * sizeof(uint4) + fragments() * sizeof(uint2) +
           static_cast<std::size_t>(steps) * step_rows * sizeof(Entry) +
           static_cast<std::size_t>(chunks) * chunk_columns * sizeof(float);
  }
};

// The weights that thread `lane` of a warp takes in product `product` of a chunk and a step.
template <class S>
__device__ uint2 fragment_of(const Sizes& s, const ForwardPlan& plan, const float* weight,
                             unsigned index) {
  const int lane = static_cast<int>(index % warp_threads), g = lane / 4, q = lane % 4;
  const int rest = static_cast<int>(index / warp_threads), product = rest % chunk_products;
  const int chunk = rest / chunk_products % plan.chunks;
  const int row = rest / chunk_products / plan.chunks * step_rows + 2 * q;
  const int channel = chunk * chunk_columns + chunk_column(product, g);
  const auto value = [&](int r) {
    return r < plan.rows && channel < s.out ? weight[r * s.out + channel] : 0.0f;
  };
  return {rounded_pair<S>(value(row), value(row + 1)),
          rounded_pair<S>(value(row + 8), value(row + 9))};
}

template <class S, class X>
__global__ void __launch_bounds__(block_threads, 3)
    tile_forward(const Sizes s, const ForwardPlan plan, const X* __restrict__ x,
                 const float* __restrict__ weight, const float* __restrict__ bias,
                 S* __restrict__ y) {
  uint4* const patches = &block_memory[0];
  auto* const entries = reinterpret_cast<Entry*>(patches + plan.patches());
  auto* const fragments = reinterpret_cast<uint2*>(entries + plan.steps * step_rows);
  auto* const starts = reinterpret_cast<float2*>(fragments + plan.fragments());
  for (unsigned i = threadIdx.x; i < plan.fragments(); i += block_threads)
    fragments[i] = fragment_of<S>(s, plan, weight, i);
  for (int i = static_cast<int>(threadIdx.x); i < plan.steps * step_rows; i += block_threads)
    entries[i] = Entry(s, i, i < plan.rows);
  for (int i = static_cast<int>(threadIdx.x); i < plan.chunks * chunk_columns; i += block_threads)
    reinterpret_cast<float*>(starts)[i] = bias != nullptr && i < s.out ? bias[i] : 0.0f;
  __syncthreads();

  const int warp = static_cast<int>(threadIdx.x) / warp_threads;
  const int lane = static_cast<int>(threadIdx.x) % warp_threads, g = lane / 4, q = lane % 4;
  uint4* const own = patches + warp * plan.steps * warp_threads + lane;
  for (unsigned i = 0; i < plan.tiles_of_warp; ++i) {
    const unsigned tile =
        (blockIdx.x * plan.tiles_of_warp + i) * warps + threadIdx.x / warp_threads;
    const unsigned low = tile * tile_pixels + static_cast<unsigned>(g), high = low + 8;
    if (tile * tile_pixels >= s.pixels) return;
    const Window<X> a(s, x, Pixel(s, low), low < s.pixels);
    const Window<X> b(s, x, Pixel(s, high), high < s.pixels);
#pragma unroll 1
    for (int step = 0; step < plan.steps; ++step) {
      const Entry* const entry = entries + step * step_rows + 2 * q;
      own[step * warp_threads] = {rounded_pair<S>(a.at(s, entry[0]), a.at(s, entry[1])),
                                  rounded_pair<S>(b.at(s, entry[0]), b.at(s, entry[1])),
                                  rounded_pair<S>(a.at(s, entry[8]), a.at(s, entry[9])),
                                  rounded_pair<S>(b.at(s, entry[8]), b.at(s, entry[9]))};
    }
#pragma unroll 1
    for (int chunk = 0; chunk < plan.chunks; ++chunk) {
      float sums[chunk_products][4];
#pragma unroll
      for (int p = 0; p < chunk_products; ++p) {
        const float2 start = starts[chunk * (chunk_columns / 2) + 4 * q + p];
        sums[p][0] = sums[p][2] = start.x;
        sums[p][1] = sums[p][3] = start.y;
      }
#pragma unroll 1
      for (int step = 0; step < plan.steps; ++step) {
        const uint4 patch = own[step * warp_threads];
        const uint2* const from =
            fragments + (step * plan.chunks + chunk) * chunk_products * warp_threads + lane;
#pragma unroll
        for (int p = 0; p < chunk_products; ++p)
          multiply_add<S>(sums[p], patch, from[p * warp_threads]);
      }
      const int channel = chunk * chunk_columns + 8 * q;
      if (channel >= s.out) continue;
      S* const to = y + static_cast<std::int64_t>(low) * s.out + channel;
      if (low < s.pixels) store_chunk(sums, 0, to);
      if (high < s.pixels) store_chunk(sums, 1, to + 8 * s.out);
    }
  }
}

// The weight gradient, for 64 output channels at once: gy is the matrix that is summed over its
// rows, its pixels.
struct GradientPlan {
  int rows = 0;          // of the weight
  int row_blocks = 0;    // blocks that together have all rows
  int groups = 0;        // of 64 output channels
  unsigned tiles = 0;    // of 16 pixels
  unsigned of_part = 0;  // tiles of a part
};

// The patches of 4 pixels at rows `low` and `high`, as tensor cores take them transposed.
template <class S, class X>
__device__ uint4 patch_of(const Sizes& s, const Window<X> (&windows)[rows_of_thread],
                          const Entry& low, const Entry& high) {
  const auto pair = [&](int p, const Entry& entry) {
    return rounded_pair<S>(windows[p].at(s, entry), windows[p + 1].at(s, entry));
  };
  return {pair(0, low), pair(0, high), pair(2, low), pair(2, high)};
}

// parts is [parts, rows, out].
template <class S, class X, int steps>
__global__ void __launch_bounds__(block_threads)
    tile_weight_gradient(const Sizes s, const GradientPlan plan, const X* __restrict__ x,
                         const S* __restrict__ gy, float* __restrict__ parts) {
  const unsigned warp = threadIdx.x / warp_threads;
  const int lane = static_cast<int>(threadIdx.x) % warp_threads, g = lane / 4, q = lane % 4;
  const int first_channel = static_cast<int>(blockIdx.x) % plan.groups * group_columns;
  const int rest = static_cast<int>(blockIdx.x) / plan.groups;
  const int first_row = rest % plan.row_blocks * steps * step_rows;
  const auto part = static_cast<unsigned>(rest / plan.row_blocks);
  const int channel = first_channel + 8 * g;

  Entry entries[steps][2];
  float sums[steps][group_products][4] = {};
#pragma unroll
  for (int step = 0; step < steps; ++step)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row + step * step_rows + g + 8 * half;
      entries[step][half] = Entry(s, row, row < plan.rows);
    }
  const unsigned end = min((part + 1) * plan.of_part, plan.tiles);
  unsigned tile = part * plan.of_part + warp;
  const auto first_of = [&](unsigned t) {
    return t * tile_pixels + static_cast<unsigned>(rows_of_thread * q);
  };
  Pixel pixel(s, first_of(tile));
  const Pixel one(s, 1), stride(s, warps * tile_pixels);
  RowsOfThread next;
  if (tile < end) next.load(gy, first_of(tile), s.pixels, s.out, channel);
  for (; tile < end; tile += warps) {
    const RowsOfThread gradients = next;
    if (tile + warps < end)  // on its way while this one is used
      next.load(gy, first_of(tile + warps), s.pixels, s.out, channel);
    const unsigned first = first_of(tile);
    Pixel second = pixel, third = pixel, fourth = pixel;
    second.advance(s, one);
    third = second;
    third.advance(s, one);
    fourth = third;
    fourth.advance(s, one);
    const Window<X> windows[rows_of_thread] = {{s, x, pixel, first < s.pixels},
                                               {s, x, second, first + 1 < s.pixels},
                                               {s, x, third, first + 2 < s.pixels},
                                               {s, x, fourth, first + 3 < s.pixels}};
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      const uint4 patch = patch_of<S>(s, windows, entries[step][0], entries[step][1]);
#pragma unroll
      for (int t = 0; t < group_products; ++t)
        multiply_add<S>(sums[step][t], patch, gradients.pairs(t));
    }
    pixel.advance(s, stride);
  }
  float* const out = parts + static_cast<std::int64_t>(part) * plan.rows * s.out;
#pragma unroll
  for (int step = 0; step < steps; ++step)
    add_warps(sums[step], [&](int row, int column, float sum) {
      row += first_row + step * step_rows;
      column += first_channel;
      if (row < plan.rows && column < s.out) out[row * s.out + column] = sum;
    });
}

bool serves(const ConvShape& shape, const Tensor& images) {
  return shape.groups == 1 && (images.dtype() == DType::f16 || images.dtype() == DType::bf16) &&
         in_packs<bfloat16>(shape.out, {images.raw_data()});
}

// Calls `body(s, x)` with a value of the type S that `images` hold and the elements of x as f32 or
// as S.
template <class Body>
void visit(const Tensor& images, const Tensor& x, Body&& body) {
  const auto with = [&]<class S>(Type<S> stored) {
    if (x.dtype() == DType::f32) return body(stored, elements<float>(op, x));
    const Tensor narrow = operand(op, x, images.dtype());
    body(stored, elements<S>(op, narrow));
  };
  if (images.dtype() == DType::bf16) return with(Type<bfloat16>{});
  with(Type<float16>{});
}

int rows_of(const ConvShape& shape) {
  return static_cast<int>(shape.weight_elements() / shape.out);
}

unsigned tiles_of(const Sizes& s) { return (s.pixels + tile_pixels - 1) / tile_pixels; }

template <int steps>
void launch_gradient(const ConvShape& shape, const Tensor& x, const Tensor& gy, Tensor& gw) {
  constexpr int blocks_wanted = 264, least_tiles_of_warp = 4;
  const Sizes s(shape);
  GradientPlan plan{.rows = rows_of(shape), .tiles = tiles_of(s)};
  plan.row_blocks = (plan.rows + steps * step_rows - 1) / (steps * step_rows);
  plan.groups = (s.out + group_columns - 1) / group_columns;
  const unsigned most = std::max(1, blocks_wanted / (plan.row_blocks * plan.groups));
  const unsigned wanted = std::clamp(plan.tiles / (warps * least_tiles_of_warp), 1u, most);
  plan.of_part = (plan.tiles + wanted - 1) / wanted;
  const unsigned number = (plan.tiles + plan.of_part - 1) / plan.of_part;
  Tensor parts = empty({number, shape.weight_elements()}, {.device = gw.device()});
  const auto blocks =
      number * static_cast<unsigned>(plan.row_blocks) * static_cast<unsigned>(plan.groups);
  visit(gy, x, [&]<class S, class X>(Type<S>, const X* values) {
    launch(op, gw.device(), {blocks, block_threads}, tile_weight_gradient<S, X, steps>, s, plan,
           values, elements<S>(op, gy), mutable_elements<float>(op, parts));
  });
  column_sums(op, parts, number, gw);
}

}  // namespace

bool few_channels_forward_in_tiles(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                                   const Tensor& bias, Tensor& y) {
  constexpr std::size_t most_bytes = 48 << 10;  // of shared memory that a block has unasked
  constexpr unsigned many_tiles = 4096;         // two to a warp then still fill a device
  const Sizes s(shape);
  ForwardPlan plan{.rows = rows_of(shape)};
  plan.steps = (plan.rows + step_rows - 1) / step_rows;
  plan.chunks = (s.out + chunk_columns - 1) / chunk_columns;
  if (tiles_of(s) >= many_tiles) plan.tiles_of_warp = 2;
  if (!serves(shape, y) || plan.shared_bytes() > most_bytes) return false;
  const unsigned of_block = warps * plan.tiles_of_warp;
  visit(y, x, [&]<class S, class X>(Type<S>, const X* values) {
    launch(op, y.device(),
           {(tiles_of(s) + of_block - 1) / of_block, block_threads, plan.shared_bytes()},
           tile_forward<S, X>, s, plan, values, elements<float>(op, weight),
           elements_or_null<float>(op, bias), mutable_elements<S>(op, y));
  });
  return true;
}

bool few_channels_weight_gradient_in_tiles(const ConvShape& shape, const Tensor& x,
                                           const Tensor& gy, Tensor& gw) {
  if (!serves(shape, gy)) return false;
  if (rows_of(shape) <= step_rows)
    launch_gradient<1>(shape, x, gy, gw);
  else
    launch_gradient<2>(shape, x, gy, gw);
  return true;
}

}  // namespace ranvier::cuda
