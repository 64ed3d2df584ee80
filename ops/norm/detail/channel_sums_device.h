// Sums over the rows of [groups, rows, channels] in kernels: two numbers per channel, added up in
// an order that depends on the extents alone.
//
// The threads of a block add up rows, the block adds up its threads and leaves its share in
// `partials`; `add_partials` adds up the blocks' shares. Sums are f64.
#pragma once

#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/norm/detail/rows_device.h"

namespace ranvier::norm::device {

/// Adds up each row of `sums` over the threads of a column, which all threads of the block call;
/// the sums are left with the column's first thread.
template <int values, int threads>
__device__ __forceinline__ void add_down(double (&sums)[values][threads], const Layout& layout,
                                         int down) {
  __syncthreads();
  for (int width = layout.half; width > 0; width /= 2) {
    if (down < width && down + width < layout.down) {
#pragma unroll
      for (int k = 0; k < values; ++k)
        sums[k][threadIdx.x] += sums[k][threadIdx.x + width * layout.across];
    }
    __syncthreads();
  }
}

/// The sum of `value` over the threads of a column, as above; valid in its first thread.
template <int threads>
__device__ __forceinline__ double column_sum(double value, const Layout& layout, int down) {
  __shared__ double sums[1][threads];
  sums[0][threadIdx.x] = value;
  add_down(sums, layout, down);
  const double total = sums[0][threadIdx.x];
  __syncthreads();
  return total;
}

/// Leaves the sums over a block in partials [groups, row blocks, 2, channels], from what its
/// threads have in shared memory: the first numbers of the lanes, then the second.
template <int values, int threads>
__device__ __forceinline__ void leave_sums(double (&sums)[values][threads], const Layout& layout,
                                           const Place& place, double* partials) {
  constexpr int lanes = values / 2;
  add_down(sums, layout, place.down);
  const std::int64_t channels = layout.packs * lanes, first = place.pack - place.across;
  double* const share =
      partials +
      (static_cast<std::int64_t>(place.group) * layout.row_blocks + place.row_block) * 2 *
          channels +
      first * lanes;
  const int packs =
      static_cast<int>(layout.packs - first < layout.across ? layout.packs - first : layout.across);
  for (int at = static_cast<int>(threadIdx.x); at < 2 * packs * lanes; at += threads) {
    const int second = at < packs * lanes ? 0 : 1, c = at - second * packs * lanes;
    share[second * channels + c] = sums[second * lanes + c % lanes][c / lanes];
  }
}

/// As `leave_sums`, from what threads have in registers.
template <int threads, int lanes>
__device__ __forceinline__ void leave_partials(const double (&first)[lanes],
                                               const double (&second)[lanes], const Layout& layout,
                                               const Place& place, double* partials) {
  __shared__ double sums[2 * lanes][threads];
#pragma unroll
  for (int i = 0; i < lanes; ++i) {
    sums[i][threadIdx.x] = first[i];
    sums[lanes + i][threadIdx.x] = second[i];
  }
  leave_sums(sums, layout, place, partials);
}

inline constexpr int finish_threads = 512;
/// Channels of a block that adds up partial sums: a sector of memory, few so that many blocks share
/// the work. Neighbouring threads take neighbouring channels.
inline constexpr int finish_channels = 4;

/// The sum of `value` over the threads of a warp that have the caller's channel.
__device__ __forceinline__ double warp_sum(double value) {
#pragma unroll
  for (int distance = finish_channels; distance < 32; distance *= 2)
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

/// Calls `body(i, sum of the first numbers, of the second)` for each i of [groups, channels].
template <class Body>
__global__ void __launch_bounds__(finish_threads, 1)
    add_partials(const double* partials, unsigned parts, unsigned channels, unsigned column_blocks,
                 const Body body) {
  constexpr int in_flight = 4;
  const unsigned group = blockIdx.x / column_blocks;
  const unsigned channel =
      blockIdx.x % column_blocks * finish_channels + threadIdx.x % finish_channels;
  const unsigned down = threadIdx.x / finish_channels, step = blockDim.x / finish_channels;
  double a = 0, b = 0;
  if (channel < channels) {
    const std::int64_t row = 2 * static_cast<std::int64_t>(channels);
    const double* const at = partials + group * (parts * row) + channel;
    for (unsigned part = down; part < parts; part += in_flight * step) {
      double first[in_flight], second[in_flight];
#pragma unroll
      for (unsigned s = 0; s < in_flight; ++s) {
        const bool there = part + s * step < parts;
        first[s] = there ? at[(part + s * step) * row] : 0;
        second[s] = there ? at[(part + s * step) * row + channels] : 0;
      }
#pragma unroll
      for (unsigned s = 0; s < in_flight; ++s) {
        a += first[s];
        b += second[s];
      }
    }
  }
  constexpr unsigned most_warps = finish_threads / 32;
  __shared__ double sums[2][most_warps][finish_channels];
  const unsigned warps = blockDim.x / 32, lane = threadIdx.x % 32;
  a = warp_sum(a);
  b = warp_sum(b);
  if (lane < finish_channels) {
    sums[0][threadIdx.x / 32][lane] = a;
    sums[1][threadIdx.x / 32][lane] = b;
  }
  __syncthreads();
  if (threadIdx.x >= 32) return;
  a = b = 0;
  for (unsigned warp = down; warp < warps; warp += 32 / finish_channels) {
    a += sums[0][warp][lane % finish_channels];
    b += sums[1][warp][lane % finish_channels];
  }
  a = warp_sum(a);
  b = warp_sum(b);
  if (lane < finish_channels && channel < channels)
    body(static_cast<std::int64_t>(group) * channels + channel, a, b);
}

/// Scratch for the partial sums of `layout`.
inline Tensor partials_for(Device device, const Layout& layout, std::int64_t groups,
                           std::int64_t channels) {
  return empty({groups, static_cast<std::int64_t>(layout.row_blocks), 2, channels},
               {.dtype = DType::f64, .device = device});
}

/// Adds up what `leave_partials` left: `body` is a __device__ lambda, called as above.
template <class Body>
void finish_sums(const char* op, const Tensor& partials, const Body& body) {
  const auto groups = static_cast<unsigned>(partials.size(0));
  const auto parts = static_cast<unsigned>(partials.size(1));
  const auto channels = static_cast<unsigned>(partials.size(3));
  if (groups * channels == 0) return;
  const unsigned column_blocks = (channels + finish_channels - 1) / finish_channels;
  const unsigned threads =
      std::clamp<unsigned>((parts * finish_channels + 31) / 32 * 32, 32, finish_threads);
  cuda::launch(op, partials.device(), {groups * column_blocks, threads}, add_partials<Body>,
               cuda::elements<double>(op, partials), parts, channels, column_blocks, body);
}

}  // namespace ranvier::norm::device
