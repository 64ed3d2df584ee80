// The engines of norm_neuron_pool, one for each kind of device.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/neurons/kernels.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"

namespace ranvier::fused {

using neurons::max_learnables;
using neurons::max_states;
using neurons::Program;

/// One step of x: [images, height, width, channels]; windows of kernel x kernel pixels.
struct Geometry {
  std::int64_t images, height, width, channels;
  std::int64_t kernel;  ///< 1 without a pool
  SpikePool pool;

  std::int64_t neurons() const { return images * height * width * channels; }
  std::int64_t out_height() const { return height / kernel; }
  std::int64_t out_width() const { return width / kernel; }
  std::int64_t out_rows() const { return images * out_height() * out_width(); }
  std::int64_t outputs() const { return out_rows() * channels; }
};

/// What is read. The coefficients of y = fma(x, scale, shift) are [groups, channels] with one group
/// for all steps or one for each.
template <class R>
struct Input {
  Program<R> program;
  Geometry geometry;
  std::int64_t steps = 0, groups = 1;
  bool static_input = false;
  const R* x = nullptr;
  const R *scale = nullptr, *shift = nullptr;
  const R* state[max_states] = {};
  /// On a CUDA device: what the neuron learns, read there; and for backward the states that forward
  /// left, [count, variables, neurons] (see `checkpoint_count`).
  const R* learnables[max_learnables] = {};
  const R* checkpoints = nullptr;
};

template <class R>
struct Output {
  R* spikes = nullptr;
  std::uint64_t* words = nullptr;
  R* state[max_states] = {};
  R* checkpoints = nullptr;  ///< on a CUDA device, of what will be differentiated
};

/// Gradients of the results; null: zero.
template <class R>
struct GradInput {
  const R* spikes = nullptr;
  const R* state[max_states] = {};
};

/// `y` is the gradient of the normalised x, summed over the steps of a static one; `sums` are those
/// over each channel of that gradient g and of g (x - centre). Null: not wanted.
template <class R>
struct GradOutput {
  R* y = nullptr;
  const R* centre = nullptr;
  norm::GradientSums* sums = nullptr;
  R* state[max_states] = {};
  double* learnables = nullptr;
};

/// From the gradient g of y to that of x: scale g + slope (x - centre) + offset with coefficients
/// [groups, channels]; slope null: scale g.
template <class R>
struct NormGradient {
  const R *scale = nullptr, *slope = nullptr, *centre = nullptr, *offset = nullptr;
};

/// Arrays lie on `device`; there are at least one step and maybe no images.
template <class R>
using ForwardKernel = void(Device device, const Input<R>& in, const Output<R>& out);
/// Takes the gradient back to y and sums it. Whether it leaves it in `grad_out.y` is its own
/// affair.
template <class R>
using BackwardKernel = void(Device device, const Input<R>& in, const GradInput<R>& grad_in,
                            const GradOutput<R>& grad_out);
/// Makes of `gradient`, as `backward` left it, the gradient of x.
template <class R>
using InputGradientKernel = void(Device device, const Input<R>& in, const GradInput<R>& grad_in,
                                 const NormGradient<R>& to_x, R* gradient);

/// The engines for R float or double.
template <class R>
struct Kernels {
  static DeviceKernels<ForwardKernel<R>> forward;
  static DeviceKernels<BackwardKernel<R>> backward;
  static DeviceKernels<InputGradientKernel<R>> input_gradient;
};

/// Steps whose states a thread of a CUDA device recomputes into registers. What will be
/// differentiated there leaves its state after every so many steps.
inline constexpr int checkpoint_interval = 4;

/// Checkpoints of `steps` steps: none after the last interval.
constexpr std::int64_t checkpoint_count(std::int64_t steps) {
  return (steps - 1) / checkpoint_interval;
}

}  // namespace ranvier::fused
