// What backward reads, adds up and writes on a CUDA device.
#pragma once

#include "ranvier/ops/fused/detail/interval_device.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"

namespace ranvier::fused::device {

using norm::device::Layout;
using norm::device::Place;

template <class S>
struct BackwardArgs {
  using R = Computed<S>;
  Input<S> in;
  GradInput<S> grad_in;
  CellGrid grid;
  R share;          // of a window's gradient that a pixel takes: 1, or 1 / area of a mean
  Layout layout{};  // of cells
  R* carried = {};  // gradients of the state between intervals, [variables, neurons]
  R* grad_state[max_states] = {};  // null: not wanted
  S* grad_x = nullptr;  // of a moving x, or of its y if `to_x` has no scale; null: not wanted
  R* grad_y = nullptr;  // of a static one, [neurons]
  NormGradient<R> to_x{};
  const R* centre = nullptr;   // of the sums
  double* partials = nullptr;  // sums over a block, as `leave_sums` leaves them; null: not wanted
  double* shares = nullptr;    // [blocks, 2, learnables], the second unused; null: not wanted
};

inline constexpr int backward_threads = 128;

/// Blocks of a multiprocessor that the registers of a neuron with one variable allow.
constexpr int blocks_each(Shown shown) { return shown == Shown::still ? 4 : 3; }
/// As many as an H100 or H200 runs at once. Which cells a block adds up depends on it, so it does
/// not ask the device.
constexpr int blocks_at_once(Shown shown) { return 132 * blocks_each(shown); }

/// Launches the kernel of `args.in.program`, with four channels a thread if `fours`.
template <class S>
void launch_backward(Device device, const BackwardArgs<S>& args, bool fours);

/// Sums of the gradient g of y and of g (x - centre) over the pixels of a cell.
template <class R, int lanes>
struct CellSums {
  Pack<R, lanes> grad{}, grad_x{};

  CellSums() = default;
  /// As `keep` left them.
  __device__ __forceinline__ explicit CellSums(const Pack<R, lanes> (&kept)[2][backward_threads])
      : grad(kept[0][threadIdx.x]), grad_x(kept[1][threadIdx.x]) {}
  __device__ __forceinline__ void keep(Pack<R, lanes> (&kept)[2][backward_threads]) const {
    kept[0][threadIdx.x] = grad;
    kept[1][threadIdx.x] = grad_x;
  }
  __device__ __forceinline__ void add(const Pack<R, lanes>& g, const Pack<R, lanes>& x,
                                      const Pack<R, lanes>& centre) {
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      grad.lane[i] += g.lane[i];
      grad_x.lane[i] = neurons::mul_add(g.lane[i], x.lane[i] - centre.lane[i], grad_x.lane[i]);
    }
  }
};

/// What the threads of a block add up over their cells, each its own. The sums per channel are
/// touched once in a cell, so they leave the registers to others.
template <class Model, class R, int lanes>
struct Totals {
  using Learnable = typename Model::template Learnable<R>;
  static constexpr int learnables = count_of<Learnable, R>;
  double (&sums)[2 * lanes][backward_threads];
  double learnt[learnables > 0 ? learnables : 1] = {};

  __device__ __forceinline__ explicit Totals(double (&memory)[2 * lanes][backward_threads])
      : sums(memory) {
#pragma unroll
    for (int i = 0; i < 2 * lanes; ++i) sums[i][threadIdx.x] = 0;
  }
  __device__ __forceinline__ void add(const CellSums<R, lanes>& cell) {
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      sums[i][threadIdx.x] += static_cast<double>(cell.grad.lane[i]);
      sums[lanes + i][threadIdx.x] += static_cast<double>(cell.grad_x.lane[i]);
    }
  }
  __device__ __forceinline__ void add(Learnable (&shares)[lanes]) {
#pragma unroll
    for (int l = 0; l < learnables; ++l)
#pragma unroll
      for (int i = 0; i < lanes; ++i) learnt[l] += static_cast<double>(field<R>(shares[i], l));
  }
};

/// From the gradient of y to that of x, for a thread's channels.
template <class R, int lanes>
struct ToX {
  Pack<R, lanes> scale, slope, centre, offset;
  bool of_x;  // whether the statistics are those of x

  __device__ __forceinline__ ToX(const NormGradient<R>& from, int channel)
      : of_x(from.slope != nullptr) {
#pragma unroll
    for (int i = 0; i < lanes; ++i) scale.lane[i] = 1;
    if (from.scale != nullptr) scale = load<R, lanes>(from.scale + channel);
    if (!of_x) return;
    slope = load<R, lanes>(from.slope + channel);
    centre = load<R, lanes>(from.centre + channel);
    offset = load<R, lanes>(from.offset + channel);
  }
  __device__ __forceinline__ Pack<R, lanes> operator()(Pack<R, lanes> grad,
                                                       const Pack<R, lanes>& x) const {
    using neurons::mul_add;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      grad.lane[i] =
          of_x ? mul_add(scale.lane[i], grad.lane[i],
                         mul_add(slope.lane[i], x.lane[i] - centre.lane[i], offset.lane[i]))
               : scale.lane[i] * grad.lane[i];
    return grad;
  }
};

}  // namespace ranvier::fused::device
