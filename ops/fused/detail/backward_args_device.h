// What backward reads, adds up and writes on a CUDA device.
#pragma once

#include "ranvier/ops/fused/detail/cells_device.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"

namespace ranvier::fused::device {

using norm::device::Layout;
using norm::device::Place;

template <class R>
struct BackwardArgs {
  Input<R> in;
  GradInput<R> grad_in;
  CellGrid grid;
  Layout layout;              // of cells
  R* carried[max_states];     // gradients of the state between spans, [neurons]
  R* grad_state[max_states];  // null: not wanted
  R* grad_x;                  // of x, or of y if `to_x` has no scale; null: not wanted
  NormGradient<R> to_x;
  R share;           // of a window's gradient that a pixel takes: 1, or 1 / area of a mean
  const R* centre;   // of the sums
  double* partials;  // sums over a block, as `leave_partials` leaves them; null: not wanted
  double* shares;    // [blocks, 2, learnables], the second unused; null: not wanted
};

inline constexpr int span = 32;
inline constexpr int backward_threads = 128;

/// Launches the kernel of `args.in.program`, with four channels a thread if `fours`.
template <class R>
void launch_backward(Device device, const BackwardArgs<R>& args, bool fours);

/// What is known of the input when a kernel is compiled: registers are saved where it is much.
enum class Shown { either, still, moving };

template <Shown shown, class R>
__device__ __forceinline__ bool is_static(const Input<R>& in) {
  return shown == Shown::either ? in.static_input : shown == Shown::still;
}

/// What a thread adds up over its cells. The sums per channel are touched once in a few steps, so
/// they leave the registers to others.
template <class Model, class R, int lanes>
struct Totals {
  using Learnable = typename Model::template Learnable<R>;
  static constexpr int learnables = count_of<Learnable, R>;
  double (*sums)[backward_threads];  // [2 lanes, threads]
  double learnt[learnables > 0 ? learnables : 1] = {};

  __device__ explicit Totals(double (*memory)[backward_threads]) : sums(memory) {
#pragma unroll
    for (int i = 0; i < 2 * lanes; ++i) sums[i][threadIdx.x] = 0;
  }
  __device__ __forceinline__ void add(int i, R sum, R sum_x) {
    sums[i][threadIdx.x] += static_cast<double>(sum);
    sums[lanes + i][threadIdx.x] += static_cast<double>(sum_x);
  }
};

/// Writes the gradient of x, or of y, and adds to the sums.
template <class Model, class R, int lanes>
struct MovingOutput {
  const BackwardArgs<R>& args;
  Pack<R, lanes> centre{}, scale{}, slope{}, offset{};
  R sum[lanes] = {}, sum_x[lanes] = {};

  __device__ MovingOutput(const BackwardArgs<R>& arguments, int channel) : args(arguments) {
    const NormGradient<R>& to_x = args.to_x;
    if (args.partials != nullptr) centre = load<R, lanes>(args.centre + channel);
    if (to_x.scale == nullptr) return;
    scale = load<R, lanes>(to_x.scale + channel);
    if (to_x.slope == nullptr) return;
    slope = load<R, lanes>(to_x.slope + channel);
    centre = load<R, lanes>(to_x.centre + channel);
    offset = load<R, lanes>(to_x.offset + channel);
  }

  __device__ __forceinline__ void add(std::int64_t at, Pack<R, lanes> grad,
                                      const Pack<R, lanes>& x) {
    using neurons::mul_add;
    if (args.partials != nullptr) {
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        sum[i] += grad.lane[i];
        sum_x[i] += grad.lane[i] * (x.lane[i] - centre.lane[i]);
      }
    }
    if (args.grad_x == nullptr) return;
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      if (args.to_x.slope != nullptr)
        grad.lane[i] = mul_add(scale.lane[i], grad.lane[i],
                               mul_add(slope.lane[i], x.lane[i] - centre.lane[i], offset.lane[i]));
      else if (args.to_x.scale != nullptr)
        grad.lane[i] *= scale.lane[i];
    }
    store<R, lanes>(args.grad_x + at, grad);
  }
  __device__ __forceinline__ void finish(Totals<Model, R, lanes>& totals) const {
    if (args.partials == nullptr) return;
#pragma unroll
    for (int i = 0; i < lanes; ++i) totals.add(i, sum[i], sum_x[i]);
  }
};

}  // namespace ranvier::fused::device
