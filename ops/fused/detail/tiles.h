// How one step of images is cut: tiles of whole pooling windows whose states fit the cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ranvier/ops/fused/detail/fused_kernels.h"
#include "ranvier/ops/neurons/detail/blocks.h"
#include "ranvier/ops/neurons/detail/pieces.h"
#include "ranvier/ops/norm/detail/batch_norm_kernels.h"

namespace ranvier::fused {

/// Some rows of pixels above each other, each row contiguous: `runs` rows of `pixels` x `columns`
/// values. In a tile's own memory the runs lie one after another.
struct Tile {
  std::int64_t input;                ///< first value in a step of x
  std::int64_t runs, run_stride;     ///< rows, and values of x from one to the next
  std::int64_t pixels, columns;      ///< of a run; columns are channels, or a piece of them
  std::int64_t channel;              ///< of the first column
  std::int64_t out_row, out_pixels;  ///< pooled pixels: the first and their number

  std::int64_t run() const { return pixels * columns; }
  std::int64_t neurons() const { return runs * run(); }
};

inline constexpr std::int64_t largest_tile = 2048;  // what is targeted at the most

/// The tiles of one step, about `target` neurons each. Tiles of some rows of windows, or without a
/// pool of some pixels, make a band, whose neurons are consecutive: the same bands whatever the
/// target.
class Tiles {
 public:
  Tiles(const Geometry& geometry, std::int64_t target)
      : g_(geometry),
        blocks_(geometry.neurons(), std::max<std::int64_t>(geometry.channels, 1), target) {
    if (g_.kernel == 1) return;
    const std::int64_t window = g_.kernel * g_.kernel * g_.channels;
    out_pixels_ = std::clamp<std::int64_t>(target / window, 1, g_.out_width());
    across_ = (g_.out_width() + out_pixels_ - 1) / out_pixels_;
    down_ = (g_.height + g_.kernel - 1) / g_.kernel;
  }

  std::int64_t count() const {
    return g_.kernel == 1 ? blocks_.count() : g_.images * down_ * across_;
  }
  /// The most neurons in a tile.
  std::int64_t largest() const {
    if (g_.kernel == 1) return blocks_.size();
    const std::int64_t rest = g_.width % g_.kernel;
    return g_.kernel * (out_pixels_ * g_.kernel + rest) * g_.channels;
  }
  std::int64_t bands() const {
    return g_.kernel == 1 ? (g_.pixels() + band_pixels() - 1) / band_pixels() : g_.images * down_;
  }
  /// The first tile of a band, and its first neuron.
  std::int64_t first_tile(std::int64_t band) const {
    return g_.kernel == 1 ? blocks_.count_before(std::min(band * band_pixels(), g_.pixels()))
                          : band * across_;
  }
  std::int64_t first_neuron(std::int64_t band) const {
    if (g_.kernel == 1) return band * band_pixels() * g_.channels;
    return (band / down_ * g_.height + band % down_ * g_.kernel) * g_.width * g_.channels;
  }
  Tile operator[](std::int64_t index) const {
    if (g_.kernel == 1) {
      const neurons::Block b = blocks_[index];
      return {b.first, 1, 0, b.rows, b.columns, b.column, b.row, b.rows};
    }
    const std::int64_t across = index % across_, down = index / across_ % down_;
    const std::int64_t image = index / across_ / down_;
    const std::int64_t first = across * out_pixels_;
    const std::int64_t outputs = std::min(out_pixels_, g_.out_width() - first);
    // The last tile of a row takes the pixels along that no window covers, and so does the row of
    // tiles below the last window.
    const bool last = across == across_ - 1;
    const std::int64_t pixels = last ? g_.width - first * g_.kernel : outputs * g_.kernel;
    const std::int64_t runs = std::min(g_.kernel, g_.height - down * g_.kernel);
    const bool pooled = runs == g_.kernel;
    const std::int64_t input =
        ((image * g_.height + down * g_.kernel) * g_.width) + first * g_.kernel;
    const std::int64_t output = (image * g_.out_height() + down) * g_.out_width() + first;
    return {input * g_.channels, runs, g_.width * g_.channels, pixels,
            g_.channels,         0,    pooled ? output : 0,    pooled ? outputs : 0};
  }

 private:
  std::int64_t band_pixels() const { return neurons::rows_for(largest_tile, g_.channels); }

  Geometry g_;
  neurons::Blocks blocks_;
  std::int64_t out_pixels_ = 0, across_ = 0, down_ = 0;
};

/// Calls `run(first, last)` for the tiles of each piece, which is some bands.
template <class Run>
void in_bands(neurons::Pieces* pieces, const Tiles& tiles, std::int64_t neurons, Run run) {
  neurons::piece_by_piece(
      pieces, tiles.bands(), neurons, [&](std::int64_t band) { return tiles.first_neuron(band); },
      [&](std::int64_t begin, std::int64_t end) {
        run(tiles.first_tile(begin), tiles.first_tile(end));
      });
}

/// Values from one row of a tile's memory to the next.
inline std::int64_t stride_of(const Tiles& tiles) { return (tiles.largest() + 15) / 16 * 16; }

/// The loops of batch norm: the fused operation normalises with the very same arithmetic.
template <class R>
const norm::Kernels<R>& norm_kernels() {
  return pick_isa(norm::isa_v2::kernels<R>(), norm::isa_v3::kernels<R>(),
                  norm::isa_v4::kernels<R>());
}

/// How many pixels are taken side by side, so that few channels still fill a vector.
inline std::int64_t fold_of(std::int64_t channels) {
  return std::max<std::int64_t>(1, 128 / std::max<std::int64_t>(channels, 1));
}

/// Coefficients [groups, channels], repeated for pixels side by side: [groups, fold * channels].
template <class R>
class Coefficients {
 public:
  Coefficients(const R* values, std::int64_t groups, std::int64_t channels)
      : width_(fold_of(channels) * channels), shared_(groups == 1) {
    if (values == nullptr) return;
    for (std::int64_t group = 0; group < groups; ++group)
      for (std::int64_t i = 0; i < fold_of(channels); ++i)
        values_.insert(values_.end(), values + group * channels, values + (group + 1) * channels);
  }
  /// Those of step t, from `channel` on.
  const R* at(std::int64_t t, std::int64_t channel) const {
    return values_.data() + (shared_ ? 0 : t * width_) + channel;
  }

 private:
  std::int64_t width_;
  bool shared_;
  std::vector<R> values_;
};

inline constexpr std::int64_t piece = 512;  // values between two turns of the memory

/// Calls `body(offset, rows, columns)` for the pieces of a run: rows of pixels side by side.
template <class Body>
void for_run_pieces(const Tile& tile, Body&& body) {
  const std::int64_t fold = fold_of(tile.columns), width = fold * tile.columns;
  const std::int64_t whole = tile.pixels / fold, rest = tile.pixels % fold * tile.columns;
  const std::int64_t rows = std::max<std::int64_t>(1, piece / width);
  for (std::int64_t row = 0; row < whole; row += rows)
    body(row * width, std::min(rows, whole - row), width);
  if (rest > 0) body(whole * width, std::int64_t{1}, rest);
}

/// Tiles are summed in this many parts, whose sums are added up in order: the same for any number
/// of threads.
inline constexpr std::int64_t sum_parts = 64;

}  // namespace ranvier::fused
