// The CPU engine of norm_neuron_pool.
#pragma once

#include <cstdint>

#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/neurons/kernels.h"

namespace ranvier::fused {

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
};

template <class R>
struct Output {
  R* spikes = nullptr;
  std::uint64_t* words = nullptr;
  R* state[max_states] = {};
};

/// Gradients of the results; null: zero.
template <class R>
struct GradInput {
  const R* spikes = nullptr;
  const R* state[max_states] = {};
};

/// `y` is the gradient of the normalised x, summed over the steps of a static one; `sum` and
/// `sum_x` [groups, channels] are the sums over each channel of that gradient g and of
/// g (x - centre). Null: not wanted.
template <class R>
struct GradOutput {
  R* y = nullptr;
  const R* centre = nullptr;
  double *sum = nullptr, *sum_x = nullptr;
  R* state[max_states] = {};
  double* learnables = nullptr;
};

template <class R>
void forward_cpu(const Input<R>& in, const Output<R>& out);
template <class R>
void backward_cpu(const Input<R>& in, const GradInput<R>& grad_in, const GradOutput<R>& grad_out);

/// Turns the gradient of y into that of x, in place: scale g + slope (x - centre) + offset with
/// coefficients [groups, channels]; slope null: scale g.
template <class R>
struct NormGradient {
  const R *scale, *slope, *centre, *offset;
};
template <class R>
void norm_gradient_cpu(const Input<R>& in, const NormGradient<R>& coefficients, R* gradient);

}  // namespace ranvier::fused
