// How threads of a CUDA device share one step of images, and how they normalise it.
//
// A thread handles a cell, the pixels of one pooling window, for `lanes` neighbouring channels. It
// takes all pixels through an interval of a few steps before it goes on to the next interval, so
// that what the window collects stays in registers. Cells at the right and lower edge may hold
// fewer pixels, which no window covers.
#pragma once

#include <algorithm>
#include <limits>

#include "ranvier/core/detail/divider.h"
#include "ranvier/ops/fused/detail/fused_kernels.h"
#include "ranvier/ops/neurons/detail/neuron_device.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::fused::device {

using cuda::load;
using cuda::load_as;
using cuda::Pack;
using cuda::store;
using cuda::store_as;
using neurons::device::count_of;
using neurons::device::field;
using neurons::device::learned;
using neurons::device::States;
using ranvier::detail::Divider;

inline constexpr const char* op = "norm_neuron_pool";

/// What is known of the input when a kernel is compiled: registers are saved where it is much.
enum class Shown { either, still, moving };

template <Shown shown, class S>
__device__ __forceinline__ bool is_static(const Input<S>& in) {
  return shown == Shown::either ? in.static_input : shown == Shown::still;
}

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

/// A number for each step of an interval and each lane.
template <class R, int lanes, int steps>
using Steps = Pack<R, lanes>[steps];

/// x of a pixel in an interval; of a static input there is one.
template <Shown shown, class S, int lanes, int steps>
struct Inputs {
  using R = Computed<S>;
  static constexpr int count = shown == Shown::still ? 1 : steps;
  cuda::Words<S, lanes> x[count];

  __device__ __forceinline__ void read(const Input<S>& in, std::int64_t neurons,
                                       std::int64_t neuron, int t) {
    const std::int64_t step = is_static<shown>(in) ? 0 : neurons;
    const S* from = in.x + t * step + neuron;
#pragma unroll
    for (int s = 0; s < count; ++s, from += step) x[s] = cuda::load_words<lanes>(from);
  }
  /// For the last time; the compiler takes it for another read, and keeps no registers till then.
  __device__ __forceinline__ void read_once(const Input<S>& in, std::int64_t neurons,
                                            std::int64_t neuron, int t) {
    const std::int64_t step = is_static<shown>(in) ? 0 : neurons;
    const S* from = in.x + t * step + neuron;
#pragma unroll
    for (int s = 0; s < count; ++s, from += step) x[s] = cuda::load_words_once<lanes>(from);
  }
  __device__ __forceinline__ Pack<R, lanes> at(int s) const {
    return cuda::widen<R>(x[shown == Shown::still ? 0 : s]);
  }
};

/// y = fma(x, scale, shift) for a thread's channels.
template <class R, int lanes>
struct Normalise {
  const R *scales, *shifts;
  std::int64_t step;  // from the coefficients of a time step to the next; 0: they are the same
  Pack<R, lanes> scale, shift;

  template <class S>
  __device__ __forceinline__ Normalise(const Input<S>& in, int channel)
      : scales(in.scale + channel),
        shifts(in.shift + channel),
        step(in.groups == 1 ? 0 : in.geometry.channels),
        scale(load<R, lanes>(scales)),
        shift(load<R, lanes>(shifts)) {}

  /// y of a pixel in the interval from step t on.
  template <Shown shown, class S, int steps>
  __device__ __forceinline__ void operator()(const Inputs<shown, S, lanes, steps>& inputs, int t,
                                             Steps<R, lanes, steps>& y) const {
    if (shown == Shown::still || step == 0) {
#pragma unroll
      for (int s = 0; s < steps; ++s) y[s] = of(inputs.at(s), scale, shift);
    } else {
#pragma unroll
      for (int s = 0; s < steps; ++s)
        y[s] = of(inputs.at(s), load<R, lanes>(scales + (t + s) * step),
                  load<R, lanes>(shifts + (t + s) * step));
    }
  }

 private:
  static __device__ __forceinline__ Pack<R, lanes> of(const Pack<R, lanes>& x,
                                                      const Pack<R, lanes>& by,
                                                      const Pack<R, lanes>& plus) {
    Pack<R, lanes> y;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      y.lane[i] = neurons::mul_add(x.lane[i], by.lane[i], plus.lane[i]);
    return y;
  }
};

/// Variables of states in memory, [neurons] each.
template <class R>
struct Variables {
  R* at[max_states];

  /// Those of [variables, neurons].
  __device__ __forceinline__ Variables(R* first, int count, std::int64_t neurons) {
#pragma unroll
    for (int k = 0; k < max_states; ++k) at[k] = k < count ? first + k * neurons : nullptr;
  }
  /// Those at `each`; null: not there.
  __device__ __forceinline__ explicit Variables(R* const (&each)[max_states]) {
#pragma unroll
    for (int k = 0; k < max_states; ++k) at[k] = each[k];
  }
};

/// Where the states between intervals lie, [variables, neurons] each, `distance` apart. If that is
/// 0, each takes the place of the one before.
template <class R>
struct Trail {
  R* states;  // null: they are not kept
  std::int64_t distance;

  /// Neuron 0's before the interval from step t on.
  __device__ __forceinline__ R* before(int t) const {
    return states + (intervals_before(t) - 1) * distance;
  }
};

}  // namespace ranvier::fused::device
