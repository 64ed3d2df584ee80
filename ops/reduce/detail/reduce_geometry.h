// How reductions on a CUDA device are cut into threads and blocks.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace ranvier::detail::device {

/// How `count` is cut.
struct Chunks {
  std::int64_t length, number;

  /// Of at least `least` elements, a multiple of 4; no more than `most` chunks.
  static Chunks of(std::int64_t count, std::int64_t least, std::int64_t most) {
    const std::int64_t even = ((count + most - 1) / most + 3) / 4 * 4;
    const std::int64_t length = std::max(least, even);
    return {length, std::max<std::int64_t>(1, (count + length - 1) / length)};
  }
};

/// Threads of a block on columns: `across` side by side, `down` that share a column's elements.
/// Both are powers of two.
struct Layout {
  int across, down;
  std::int64_t column_blocks;

  /// For rows of `packs` packs in blocks of `threads`.
  Layout(std::int64_t packs, int most_across, int threads)
      : across(static_cast<int>(
            std::bit_ceil(static_cast<std::uint64_t>(std::min<std::int64_t>(packs, most_across))))),
        down(threads / across),
        column_blocks((packs + across - 1) / across) {}
};

}  // namespace ranvier::detail::device
