// The engines of norm_neuron_pool, one for each kind of device.
#pragma once

#include <cstdint>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/neurons/kernels.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"

namespace ranvier::neurons {
class Pieces;
}

namespace ranvier::fused {

using neurons::max_learnables;
using neurons::max_states;
using neurons::Program;
using ranvier::detail::Computed;

/// One step of x: [images, height, width, channels]; windows of kernel x kernel pixels.
struct Geometry {
  std::int64_t images, height, width, channels;
  std::int64_t kernel;  ///< 1 without a pool
  SpikePool pool;

  std::int64_t pixels() const { return images * height * width; }
  std::int64_t neurons() const { return pixels() * channels; }
  std::int64_t out_height() const { return height / kernel; }
  std::int64_t out_width() const { return width / kernel; }
  std::int64_t out_rows() const { return images * out_height() * out_width(); }
  std::int64_t outputs() const { return out_rows() * channels; }
};

// x, the spikes and their gradients are stored as S; all else is of R, what S is computed in.

/// What is read. The coefficients of y = fma(x, scale, shift) are [groups, channels] with one group
/// for all steps or one for each.
template <class S>
struct Input {
  using R = Computed<S>;
  Program<R> program;
  Geometry geometry;
  std::int64_t steps = 0, groups = 1;
  bool static_input = false;
  const S* x = nullptr;
  const R *scale = nullptr, *shift = nullptr;
  const R* state[max_states] = {};
  /// On a CUDA device: what the neuron learns, read there; and for backward the states that forward
  /// left, [count, variables, neurons] (see `checkpoint_count`).
  const R* learnables[max_learnables] = {};
  const R* checkpoints = nullptr;
  neurons::Pieces* pieces = nullptr;  ///< as `neurons::ScanInput::pieces`
};

template <class S>
struct Output {
  using R = Computed<S>;
  S* spikes = nullptr;
  std::uint64_t* words = nullptr;
  R* state[max_states] = {};
  R* checkpoints = nullptr;  ///< on a CUDA device, of what will be differentiated
};

/// Gradients of the results; null: zero.
template <class S>
struct GradInput {
  const S* spikes = nullptr;
  const Computed<S>* state[max_states] = {};
};

/// `y` is room for the gradient of the normalised x, summed over the steps of a static one; `sums`
/// are those over each channel of that gradient g and of g (x - centre). Null: not wanted.
template <class S>
struct GradOutput {
  using R = Computed<S>;
  S* y = nullptr;
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
template <class S>
using ForwardKernel = void(Device device, const Input<S>& in, const Output<S>& out);
/// Takes the gradient back to y and sums it. Where it leaves it, if it does, is its own affair: in
/// `grad_out.y` or in the result.
template <class S>
using BackwardKernel = Tensor(Device device, const Input<S>& in, const GradInput<S>& grad_in,
                              const GradOutput<S>& grad_out);
/// Makes of what `backward` left, in `gradient` and in its result `of_y`, the gradient of x.
template <class S>
using InputGradientKernel = void(Device device, const Input<S>& in, const GradInput<S>& grad_in,
                                 const NormGradient<Computed<S>>& to_x, const Tensor& of_y,
                                 S* gradient);

/// The engines for S float or double, and on CUDA devices bfloat16 or float16.
template <class S>
struct Kernels {
  static DeviceKernels<ForwardKernel<S>> forward;
  static DeviceKernels<BackwardKernel<S>> backward;
  static DeviceKernels<InputGradientKernel<S>> input_gradient;
};

/// A CUDA device takes a sequence in intervals of so many steps, and what remains step by step.
/// Backward recomputes the states in an interval into registers, from that before it, which forward
/// leaves of what will be differentiated.
inline constexpr int interval = 4;

/// How many intervals begin before step t where one does.
constexpr std::int64_t intervals_before(std::int64_t t) { return t / interval + t % interval; }

/// Checkpoints of `steps` steps: one between each two intervals.
constexpr std::int64_t checkpoint_count(std::int64_t steps) { return intervals_before(steps) - 1; }

}  // namespace ranvier::fused
