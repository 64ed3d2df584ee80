// How the threads of a kernel share the rows of [groups, rows, channels]: a block takes `across`
// packs of neighbouring channels of `down` rows at once.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "ranvier/core/platform.h"

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

}  // namespace ranvier::norm::device
