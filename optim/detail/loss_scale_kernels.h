// What a loss scale needs of its device.
#pragma once

#include <span>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/platform.h"
#include "ranvier/optim/loss_scale.h"

namespace ranvier::optim {

/// The numbers of a `LossScale`, in this order in its tensor.
struct ScaleState {
  float factor, inverse;
  float calm_steps;  ///< since the factor last changed, without overflow
  float overflow;    ///< 1 if a gradient of this step is infinite or NaN, else 0
};
inline constexpr std::int64_t scale_numbers = sizeof(ScaleState) / sizeof(float);

/// Rules of adapting, as kernels take them.
struct ScaleRules {
  float growth, backoff, interval;
};

/// The state of the next step.
RV_HD ScaleState adapted(const ScaleRules& rules, const ScaleState& s) {
  const bool overflow = s.overflow != 0.0f;
  const bool grows = !overflow && s.calm_steps + 1.0f >= rules.interval;
  const float factor = s.factor * (overflow ? rules.backoff : grows ? rules.growth : 1.0f);
  // Factor and inverse stay normal numbers.
  if (factor > 0x1p126f || factor < 0x1p-126f) return {s.factor, s.inverse, 0, 0};
  return {factor, 1.0f / factor, overflow || grows ? 0.0f : s.calm_steps + 1.0f, 0};
}

/// seed = share times the factor.
using ScaledSeedKernel = void(const Tensor& state, float share, Tensor& seed);
extern DeviceKernels<ScaledSeedKernel> scaled_seed_kernels;

/// Sets `overflow` if one of the numbers in `gradients` is infinite or NaN.
using FindOverflowKernel = void(std::span<const Tensor> gradients, Tensor& state);
extern DeviceKernels<FindOverflowKernel> find_overflow_kernels;

using AdaptScaleKernel = void(const ScaleRules& rules, Tensor& state);
extern DeviceKernels<AdaptScaleKernel> adapt_scale_kernels;

}  // namespace ranvier::optim
