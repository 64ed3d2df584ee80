// How threads of a CUDA device share one step of images.
//
// A thread handles a cell, the pixels of one pooling window, for `lanes` neighbouring channels.
// Cells at the right and lower edge may hold fewer pixels, which no window covers.
#pragma once

#include <algorithm>
#include <limits>

#include "ranvier/core/detail/divider.h"
#include "ranvier/ops/fused/detail/fused_kernels.h"

namespace ranvier::fused::device {

using ranvier::detail::Divider;

inline constexpr const char* op = "norm_neuron_pool";

/// The cells of one step, [images, down, across].
struct CellGrid {
  int kernel, height, width, channels;
  int out_height, out_width;
  Divider down, across;
  int cells;
  std::int64_t neurons, outputs;  // of a step
  std::int64_t row;               // values of x from one row of pixels to the next
  SpikePool pool;

  explicit CellGrid(const Geometry& g)
      : kernel(narrow(g, g.kernel)),
        height(narrow(g, g.height)),
        width(narrow(g, g.width)),
        channels(narrow(g, g.channels)),
        out_height(narrow(g, g.out_height())),
        out_width(narrow(g, g.out_width())),
        down(narrow(g, std::max<std::int64_t>(1, cells_along(g.height, g.kernel)))),
        across(narrow(g, std::max<std::int64_t>(1, cells_along(g.width, g.kernel)))),
        cells(
            narrow(g, g.images * cells_along(g.height, g.kernel) * cells_along(g.width, g.kernel))),
        neurons(g.neurons()),
        outputs(g.outputs()),
        row(g.width * g.channels),
        pool(g.pool) {
    narrow(g, g.images * g.height * g.width);
  }

  // Pixels are counted in 32 bits.
  static int narrow(const Geometry& g, std::int64_t number) {
    RV_CHECK(number <= std::numeric_limits<int>::max(),
             "[norm_neuron_pool] {} images of {} by {} by {} are too large for a CUDA device.",
             g.images, g.height, g.width, g.channels);
    return static_cast<int>(number);
  }
  static std::int64_t cells_along(std::int64_t pixels, std::int64_t kernel) {
    return (pixels + kernel - 1) / kernel;
  }
};

/// One of them, for the channels from `channel` on.
struct Cell {
  int rows, columns;    // of pixels
  std::int64_t first;   // neuron of the first pixel
  std::int64_t output;  // of the window; -1: the cell is no whole window

  __device__ __forceinline__ Cell(const CellGrid& grid, int index, int channel) {
    const int line = grid.across.quotient(index), across = index - line * grid.across.divisor();
    const int image = grid.down.quotient(line), down = line - image * grid.down.divisor();
    const int top = down * grid.kernel, left = across * grid.kernel;
    rows = min(grid.kernel, grid.height - top);
    columns = min(grid.kernel, grid.width - left);
    const int pixel = (image * grid.height + top) * grid.width + left;
    first = static_cast<std::int64_t>(pixel) * grid.channels + channel;
    const int window = (image * grid.out_height + down) * grid.out_width + across;
    const bool whole = rows == grid.kernel && columns == grid.kernel;
    output = whole ? static_cast<std::int64_t>(window) * grid.channels + channel : -1;
  }
  __device__ __forceinline__ int pixels() const { return rows * columns; }
};

/// Goes over the pixels of a cell in row order.
struct PixelWalk {
  std::int64_t neuron;
  int column = 0;
  std::int64_t to_next_row;  // from the last pixel of a row

  __device__ __forceinline__ PixelWalk(const CellGrid& grid, const Cell& cell)
      : neuron(cell.first), to_next_row(grid.row - (cell.columns - 1) * grid.channels) {}
  __device__ __forceinline__ void next(const CellGrid& grid, const Cell& cell) {
    const bool ends_row = ++column == cell.columns;
    column = ends_row ? 0 : column;
    neuron += ends_row ? to_next_row : static_cast<std::int64_t>(grid.channels);
  }
};

}  // namespace ranvier::fused::device
