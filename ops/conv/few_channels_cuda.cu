// Convolutions with few input channels in a group, where nothing is worth a matrix product: the
// forward pass writes y once and the weight gradient reads gy once for each 18 rows of the weight,
// and what else they touch is small. Neighbouring threads take neighbouring output channels of one
// pixel; so input pixels are read by a warp at once, as one address. y and gy are stored as S, all
// else is f32.
#include <algorithm>
#include <bit>
#include <limits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/conv/detail/cuda_conv.h"
#include "ranvier/ops/conv/detail/few_channels.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::ConvShape;
using ranvier::detail::Type;
constexpr const char* op = "conv2d";

// How a block's threads share out packs of channels (lanes) and pixels (slots).
struct Shares {
  unsigned lane_bits;    // a block has 2^lane_bits lanes
  unsigned lane_blocks;  // blocks that together have a lane for each pack of channels
  unsigned lanes;        // packs of channels

  explicit Shares(unsigned packs)
      : lane_bits(
            static_cast<unsigned>(std::countr_zero(std::min(std::bit_ceil(packs), block_threads)))),
        lane_blocks((packs + (1u << lane_bits) - 1) >> lane_bits),
        lanes(packs) {}

  RV_HD unsigned slots() const { return block_threads >> lane_bits; }
  __device__ unsigned lane() const {
    return ((blockIdx.x % lane_blocks) << lane_bits) + (threadIdx.x & ((1u << lane_bits) - 1));
  }
  __device__ unsigned slot() const { return threadIdx.x >> lane_bits; }
  __device__ unsigned share() const { return blockIdx.x / lane_blocks; }
};

// A thread computes `width` channels of `pixels_at_once` neighbouring pixels, `packs` times.
constexpr int pixels_at_once = 4;

template <class S, int width, int packs>
__global__ void __launch_bounds__(block_threads, 1)
    few_forward(const Sizes s, const Shares shares, const float* __restrict__ x,
                const float* __restrict__ weight, const float* __restrict__ bias,
                S* __restrict__ y) {
  const unsigned lane = shares.lane();
  const unsigned first = (shares.share() * shares.slots() + shares.slot()) * pixels_at_once;
  if (lane >= shares.lanes || first >= s.pixels) return;
  const int channel = static_cast<int>(lane) * width;
  const int pack_stride = static_cast<int>(shares.lanes) * width;

  Pack<float, width> sums[pixels_at_once][packs];
  for (int q = 0; q < packs; ++q)
    for (int v = 0; v < width; ++v) {
      const float start = bias == nullptr ? 0.0f : bias[channel + q * pack_stride + v];
      for (int p = 0; p < pixels_at_once; ++p) sums[p][q].lane[v] = start;
    }
  const float* window[pixels_at_once];
  int top[pixels_at_once], left[pixels_at_once];
  Pixel pixel(s, first);
  const Pixel step(s, 1);
  for (int p = 0; p < pixels_at_once; ++p) {
    window[p] = x + pixel.window(s) + channel / s.group_out * s.group_in;
    top[p] = first + p < s.pixels ? pixel.window_y(s) : s.height;  // beyond the last: sees nothing
    left[p] = pixel.window_x(s);
    pixel.advance(s, step);
  }
  for (int ky = 0; ky < s.kernel_height; ++ky)
    for (int kx = 0; kx < s.kernel_width; ++kx) {
      const int dy = ky * s.dilation_y, dx = kx * s.dilation_x;
      const int offset = (dy * s.width + dx) * s.in;
      const float* by = weight + (ky * s.kernel_width + kx) * s.group_in * s.out + channel;
      for (int i = 0; i < s.group_in; ++i, by += s.out) {
        Pack<float, width> factors[packs];
        for (int q = 0; q < packs; ++q) factors[q] = load<float, width>(by + q * pack_stride);
        for (int p = 0; p < pixels_at_once; ++p) {
          const bool inside = within(top[p] + dy, s.height) && within(left[p] + dx, s.width);
          const float value = inside ? window[p][offset + i] : 0.0f;
          for (int q = 0; q < packs; ++q)
            for (int v = 0; v < width; ++v)
              sums[p][q].lane[v] = fmaf(value, factors[q].lane[v], sums[p][q].lane[v]);
        }
      }
    }
  for (int p = 0; p < pixels_at_once && first + p < s.pixels; ++p)
    for (int q = 0; q < packs; ++q)
      store_as(y + static_cast<std::int64_t>(first + p) * s.out + channel + q * pack_stride,
               sums[p][q]);
}

template <class S, int width, int packs>
void launch_forward(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                    const Tensor& bias, Tensor& y) {
  const Sizes s(shape);
  const Shares shares(static_cast<unsigned>(s.out / (width * packs)));
  const unsigned pixels = shares.slots() * pixels_at_once;
  launch(op, y.device(), {(s.pixels + pixels - 1) / pixels * shares.lane_blocks, block_threads},
         few_forward<S, width, packs>, s, shares, elements<float>(op, x),
         elements<float>(op, weight), elements_or_null<float>(op, bias),
         mutable_elements<S>(op, y));
}

// A block sums `rows` rows of the weight gradient over one part of the pixels: each of its slots
// takes every slots-th pixel, then slots are added in order. parts is [parts, all rows, out].
template <class S, int width, int rows>
__global__ void __launch_bounds__(block_threads)
    few_weight_gradient(const Sizes s, const Shares shares, const float* __restrict__ x,
                        const S* __restrict__ gy, unsigned pixels_of_part, unsigned row_blocks,
                        float* __restrict__ parts) {
  __shared__ Entry entries[rows];
  __shared__ Pack<float, width> shared_sums[block_threads];
  const unsigned part = shares.share() / row_blocks;
  const int first_row = static_cast<int>(shares.share() % row_blocks) * rows;
  const int all_rows = s.kernel_height * s.kernel_width * s.group_in;
  if (threadIdx.x < rows) {
    const int row = first_row + static_cast<int>(threadIdx.x);
    entries[threadIdx.x] = Entry(s, row, row < all_rows);
  }
  __syncthreads();

  const unsigned lane = shares.lane(), slots = shares.slots();
  const bool has_work = lane < shares.lanes;
  const int channel = has_work ? static_cast<int>(lane) * width : 0;
  const float* const in = x + channel / s.group_out * s.group_in;
  const unsigned begin = part * pixels_of_part;
  const unsigned end = min(begin + pixels_of_part, s.pixels);
  Pack<float, width> sums[rows] = {};
  unsigned at = begin + shares.slot();
  Pixel pixel(s, at);
  const Pixel step(s, slots);
  Pack<float, width> gradients = {};
  if (has_work && at < end)
    gradients = load_as<float, width>(gy + static_cast<std::int64_t>(at) * s.out + channel);
  while (has_work && at < end) {
    const Pack<float, width> now = gradients;
    const unsigned next = at + slots;
    if (next < end)  // on its way while this one is used
      gradients = load_as<float, width>(gy + static_cast<std::int64_t>(next) * s.out + channel);
    const float* const window = in + pixel.window(s);
    const int top = pixel.window_y(s), left = pixel.window_x(s);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const Entry entry = entries[r];
      const bool inside = within(top + entry.dy, s.height) && within(left + entry.dx, s.width);
      const float value = inside ? window[entry.offset] : 0.0f;
      for (int v = 0; v < width; ++v) sums[r].lane[v] = fmaf(value, now.lane[v], sums[r].lane[v]);
    }
    at = next;
    pixel.advance(s, step);
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    shared_sums[threadIdx.x] = sums[r];
    __syncthreads();
    if (shares.slot() == 0 && has_work && first_row + r < all_rows) {
      Pack<float, width> total = shared_sums[threadIdx.x];
      for (unsigned slot = 1; slot < slots; ++slot)
        for (int v = 0; v < width; ++v)
          total.lane[v] += shared_sums[threadIdx.x + (slot << shares.lane_bits)].lane[v];
      store(parts + (static_cast<std::int64_t>(part) * all_rows + first_row + r) * s.out + channel,
            total);
    }
    __syncthreads();
  }
}

template <class S, int width, int rows>
void launch_weight_gradient(const ConvShape& shape, const Tensor& x, const Tensor& gy, Tensor& gw) {
  constexpr unsigned least_pixels_of_slot = 16, most_parts = 512;
  const Sizes s(shape);
  const Shares shares(static_cast<unsigned>(s.out / width));
  const auto all_rows = static_cast<unsigned>(shape.weight_elements() / shape.out);
  const unsigned row_blocks = (all_rows + rows - 1) / rows;
  const unsigned wanted =
      std::clamp(s.pixels / (shares.slots() * least_pixels_of_slot), 1u, most_parts);
  const unsigned pixels_of_part = (s.pixels + wanted - 1) / wanted;
  const unsigned number = (s.pixels + pixels_of_part - 1) / pixels_of_part;
  Tensor parts = empty({number, shape.weight_elements()}, {.device = gw.device()});
  launch(op, gw.device(), {number * row_blocks * shares.lane_blocks, block_threads},
         few_weight_gradient<S, width, rows>, s, shares, elements<float>(op, x),
         elements<S>(op, gy), pixels_of_part, row_blocks, mutable_elements<float>(op, parts));
  column_sums(op, parts, number, gw);
}

// True if threads can take 4 neighbouring channels of `images`, which belong to one group.
template <class S>
bool in_fours(const ConvShape& shape, const Tensor& images) {
  return (shape.out / shape.groups) % 4 == 0 && in_packs<S, 4>(shape.out, {images.raw_data()});
}

template <class S>
void forward_as(const ConvShape& shape, const Tensor& x, const Tensor& weight, const Tensor& bias,
                Tensor& y) {
  if (!in_fours<S>(shape, y) || !in_fours<float>(shape, weight))
    return launch_forward<S, 1, 1>(shape, x, weight, bias, y);
  if (shape.groups == 1 && shape.out % 8 == 0)
    return launch_forward<S, 4, 2>(shape, x, weight, bias, y);
  launch_forward<S, 4, 1>(shape, x, weight, bias, y);
}

template <class S>
void weight_gradient_as(const ConvShape& shape, const Tensor& x, const Tensor& gy, Tensor& gw) {
  const bool many_rows = shape.weight_elements() / shape.out > 9;
  if (!in_fours<S>(shape, gy)) return launch_weight_gradient<S, 1, 18>(shape, x, gy, gw);
  if (many_rows) return launch_weight_gradient<S, 4, 18>(shape, x, gy, gw);
  launch_weight_gradient<S, 4, 9>(shape, x, gy, gw);
}

// Calls `body` with the type that y or gy is stored as.
template <class Body>
void visit_stored(DType dtype, Body&& body) {
  if (dtype == DType::f16) return body(Type<float16>{});
  if (dtype == DType::bf16) return body(Type<bfloat16>{});
  body(Type<float>{});
}

}  // namespace

bool serves_few_channels(const ConvShape& s, DType compute) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  const auto reach = [&](std::size_t axis) {
    return s.dilation[axis] * (s.kernel[axis] - 1) + 2 * s.padding[axis] + s.stride[axis];
  };
  return compute != DType::f64 && s.has_few_channels() && s.images * s.out_pixels() <= most / 2 &&
         (s.height + reach(0)) * (s.width + reach(1)) * s.in <= most / 2 &&
         s.weight_elements() <= most;
}

void few_channels_forward(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, Tensor& y) {
  if (few_channels_forward_in_tiles(shape, x, weight, bias, y)) return;
  const Tensor wide = wide_operand(op, x);
  visit_stored(y.dtype(), [&]<class S>(Type<S>) { forward_as<S>(shape, wide, weight, bias, y); });
}

void few_channels_weight_gradient(const ConvShape& shape, const Tensor& x, const Tensor& gy,
                                  Tensor& gw) {
  if (few_channels_weight_gradient_in_tiles(shape, x, gy, gw)) return;
  const Tensor wide = wide_operand(op, x);
  visit_stored(gy.dtype(), [&]<class S>(Type<S>) { weight_gradient_as<S>(shape, wide, gy, gw); });
}

}  // namespace ranvier::cuda
