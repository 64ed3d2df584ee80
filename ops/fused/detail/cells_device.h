// How threads of a CUDA device share one step of images, and how they normalise it.
//
// A thread handles a cell, the pixels of one pooling window, for `lanes` neighbouring channels, and
// takes one pixel after another through all steps. Cells at the right and lower edge may hold fewer
// pixels, which no window covers.
#pragma once

#include <algorithm>
#include <limits>

#include "ranvier/ops/fused/detail/fused_kernels.h"
#include "ranvier/ops/neurons/detail/neuron_device.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::fused::device {

using cuda::load;
using cuda::Pack;
using cuda::store;
using neurons::device::count_of;
using neurons::device::field;
using neurons::device::learned;
using neurons::device::States;

inline constexpr const char* op = "norm_neuron_pool";

/// The cells of one step, [images, down, across].
struct CellGrid {
  int kernel, down, across;
  int height, width, channels;
  int out_height, out_width;
  std::int64_t cells, neurons, outputs;  // of a step
  SpikePool pool;

  explicit CellGrid(const Geometry& g)
      : kernel(narrow(g, g.kernel)),
        down(narrow(g, (g.height + g.kernel - 1) / g.kernel)),
        across(narrow(g, (g.width + g.kernel - 1) / g.kernel)),
        height(narrow(g, g.height)),
        width(narrow(g, g.width)),
        channels(narrow(g, g.channels)),
        out_height(narrow(g, g.out_height())),
        out_width(narrow(g, g.out_width())),
        cells(narrow(g, g.images * down * across)),
        neurons(g.neurons()),
        outputs(g.outputs()),
        pool(g.pool) {}

  // Threads divide by these numbers, and 64-bit divisions are long.
  static int narrow(const Geometry& g, std::int64_t number) {
    RV_CHECK(number <= std::numeric_limits<int>::max(),
             "[norm_neuron_pool] {} images of {} by {} by {} are too large for a CUDA device.",
             g.images, g.height, g.width, g.channels);
    return static_cast<int>(number);
  }
};

/// One of them, for the channels from `channel` on.
struct Cell {
  int rows, columns;    // of pixels
  std::int64_t first;   // neuron of the first pixel
  std::int64_t output;  // of the window; -1: the cell is no whole window
  int row_step, column_step;

  __device__ Cell(const CellGrid& grid, int index, int channel) {
    const int across = index % grid.across, row = index / grid.across;
    const int down = row % grid.down;
    const std::int64_t image = row / grid.down;
    const int top = down * grid.kernel, left = across * grid.kernel;
    rows = min(grid.kernel, grid.height - top);
    columns = min(grid.kernel, grid.width - left);
    column_step = grid.channels;
    row_step = grid.width * grid.channels;
    first = ((image * grid.height + top) * grid.width + left) * grid.channels + channel;
    const bool whole = rows == grid.kernel && columns == grid.kernel;
    output = whole ? ((image * grid.out_height + down) * grid.out_width + across) * grid.channels +
                         channel
                   : -1;
  }
  __device__ int pixels() const { return rows * columns; }
  __device__ std::int64_t neuron(int row, int column) const {
    return first + static_cast<std::int64_t>(row) * row_step + column * column_step;
  }
};

/// y = fma(x, scale, shift) for a thread's channels.
template <class R, int lanes>
struct Normalise {
  const R *scales, *shifts;
  std::int64_t step;  // from the coefficients of a time step to the next; 0: they are the same
  Pack<R, lanes> scale, shift;

  __device__ Normalise(const Input<R>& in, int channel)
      : scales(in.scale + channel),
        shifts(in.shift + channel),
        step(in.groups == 1 ? 0 : in.geometry.channels),
        scale(load<R, lanes>(scales)),
        shift(load<R, lanes>(shifts)) {}

  __device__ __forceinline__ Pack<R, lanes> operator()(std::int64_t t, const Pack<R, lanes>& x) {
    if (step != 0) {
      scale = load<R, lanes>(scales + t * step);
      shift = load<R, lanes>(shifts + t * step);
    }
    Pack<R, lanes> y;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      y.lane[i] = neurons::mul_add(x.lane[i], scale.lane[i], shift.lane[i]);
    return y;
  }
};

/// Where variable k of the state after `count` intervals begins.
template <class R>
__device__ __forceinline__ R* checkpoint(R* checkpoints, std::int64_t count, int k, int variables,
                                         std::int64_t neurons) {
  return checkpoints + ((count - 1) * variables + k) * neurons;
}

/// The state before step t, a multiple of the interval.
template <class Model, class R, int lanes>
__device__ __forceinline__ States<Model, R, lanes> state_before(const Input<R>& in,
                                                                std::int64_t neurons, int t,
                                                                std::int64_t neuron) {
  constexpr int variables = States<Model, R, lanes>::variables;
  const R* from[max_states] = {};
#pragma unroll
  for (int k = 0; k < variables; ++k)
    from[k] = t == 0 ? in.state[k]
                     : checkpoint(in.checkpoints, t / checkpoint_interval, k, variables, neurons);
  States<Model, R, lanes> state;
  state.read(from, in.program.rest, neuron);
  return state;
}

}  // namespace ranvier::fused::device
