// Sums over the rows of [groups, rows, channels] in kernels: two numbers per channel, added up in
// an order that depends on the extents alone.
//
// A block takes `across` packs of neighbouring channels of `down` rows at once. Its threads add up
// rows, the block adds up its threads and leaves its share in `partials`; `add_partials` adds up
// the blocks' shares. Sums are f64.
#pragma once

#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/tensor.h"

namespace ranvier::norm::device {

/// How threads lie on rows of packs.
struct Layout {
  std::int64_t rows, packs;
  int threads, across, down;
  int half;  // the largest power of two below `down`, or 0
  unsigned column_blocks, row_blocks;

  /// About `rows_each` rows for a thread, and no more than `most_blocks` blocks if rows and packs
  /// allow it.
  static Layout of(std::int64_t rows, std::int64_t packs, int threads, std::int64_t rows_each,
                   std::int64_t most_blocks) {
    Layout layout{rows, packs, threads, 1, 1, 0, 0, 0};
    if (rows == 0 || packs == 0) return layout;
    layout.across = static_cast<int>(std::min<std::int64_t>(packs, threads));
    layout.down = threads / layout.across;
    for (int width = 1; width < layout.down; width *= 2) layout.half = width;
    const std::int64_t columns = (packs + layout.across - 1) / layout.across;
    const std::int64_t wanted = (rows + layout.down * rows_each - 1) / (layout.down * rows_each);
    const std::int64_t most = std::max<std::int64_t>(1, most_blocks / columns);
    layout.column_blocks = static_cast<unsigned>(columns);
    layout.row_blocks = static_cast<unsigned>(std::min(wanted, most));
    return layout;
  }
  RV_HD unsigned blocks() const { return column_blocks * row_blocks; }
  RV_HD std::int64_t row_step() const { return static_cast<std::int64_t>(row_blocks) * down; }
};

/// Where a thread is. Blocks are numbered [group, row block, column block].
struct Place {
  int across, down;  // of the thread in its block
  unsigned group, row_block;
  std::int64_t pack, row;  // row: the first; the others follow at distances of `row_step`
  bool idle;               // of a thread beyond the packs, or beyond `down`

  __device__ explicit Place(const Layout& layout) {
    across = static_cast<int>(threadIdx.x) % layout.across;
    down = static_cast<int>(threadIdx.x) / layout.across;
    const unsigned block = blockIdx.x / layout.column_blocks;
    row_block = block % layout.row_blocks;
    group = block / layout.row_blocks;
    pack = static_cast<std::int64_t>(blockIdx.x % layout.column_blocks) * layout.across + across;
    row = static_cast<std::int64_t>(row_block) * layout.down + down;
    idle = pack >= layout.packs || down >= layout.down;
  }
};

/// The sum of `value` over the threads of a column, which all threads of the block call; valid in
/// the column's first thread.
template <int threads>
__device__ __forceinline__ double column_sum(double value, const Layout& layout, int down) {
  __shared__ double sums[threads];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (int width = layout.half; width > 0; width /= 2) {
    if (down < width && down + width < layout.down)
      sums[threadIdx.x] += sums[threadIdx.x + width * layout.across];
    __syncthreads();
  }
  const double total = sums[threadIdx.x];
  __syncthreads();
  return total;
}

/// Leaves the sums over a block in partials [groups, row blocks, 2, channels].
template <int threads, int lanes>
__device__ __forceinline__ void leave_partials(const double (&first)[lanes],
                                               const double (&second)[lanes], const Layout& layout,
                                               const Place& place, double* partials) {
  const std::int64_t channels = layout.packs * lanes;
  double* const share =
      partials +
      (static_cast<std::int64_t>(place.group) * layout.row_blocks + place.row_block) * 2 * channels;
#pragma unroll
  for (int i = 0; i < lanes; ++i) {
    const double a = column_sum<threads>(place.idle ? 0 : first[i], layout, place.down);
    const double b = column_sum<threads>(place.idle ? 0 : second[i], layout, place.down);
    if (place.idle || place.down != 0) continue;
    share[place.pack * lanes + i] = a;
    share[channels + place.pack * lanes + i] = b;
  }
}

inline constexpr int finish_threads = 256;
/// Channels of a block that adds up partial sums: few, so that many blocks share the work.
inline constexpr int finish_channels = 2;

/// Calls `body(i, sum of the first numbers, of the second)` for each i of [groups, channels].
template <class Body>
__global__ void __launch_bounds__(finish_threads, 1)
    add_partials(const double* partials, unsigned parts, const Layout layout, const Body body) {
  const Place place(layout);
  const std::int64_t channels = layout.packs;  // one channel a pack, all parts in one block
  double a = 0, b = 0;
  if (!place.idle) {
    const double* at = partials + static_cast<std::int64_t>(place.group) * parts * 2 * channels;
#pragma unroll 4
    for (unsigned part = static_cast<unsigned>(place.down); part < parts;
         part += static_cast<unsigned>(layout.down)) {
      a += at[part * 2 * channels + place.pack];
      b += at[(part * 2 + 1) * channels + place.pack];
    }
  }
  a = column_sum<finish_threads>(a, layout, place.down);
  b = column_sum<finish_threads>(b, layout, place.down);
  if (!place.idle && place.down == 0) body(place.group * channels + place.pack, a, b);
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
  const std::int64_t groups = partials.size(0), parts = partials.size(1),
                     channels = partials.size(3);
  if (groups * channels == 0) return;
  constexpr int down = finish_threads / finish_channels;
  Layout layout{parts, channels, finish_threads, finish_channels, down, down / 2, 0, 1};
  layout.column_blocks = static_cast<unsigned>((channels + finish_channels - 1) / finish_channels);
  cuda::launch(op, partials.device(),
               {static_cast<unsigned>(groups) * layout.column_blocks, finish_threads},
               add_partials<Body>, cuda::elements<double>(op, partials),
               static_cast<unsigned>(parts), layout, body);
}

}  // namespace ranvier::norm::device
