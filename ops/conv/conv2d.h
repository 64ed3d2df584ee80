// Two-dimensional convolution of channels-last images.
#pragma once

#include <array>
#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// Pairs are height, width.
struct Conv2dOptions {
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};   ///< zeros on each side
  std::array<std::int64_t, 2> dilation{1, 1};  ///< distance of kernel taps
  std::int64_t groups = 1;                     ///< channels are split among so many convolutions

  bool operator==(const Conv2dOptions&) const = default;
};

/// The cross-correlation of x (B, H, W, in) or (T, B, H, W, in) with weight (kh, kw, in / groups,
/// out) plus bias (out,) or undefined, to (..., OH, OW, out), where
/// OH = (H + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down. x has the weight's
/// dtype, f32 or f64, or holds 16-bit floats or packed spikes (with f32 weights). The result has
/// the weight's dtype too; but under an `AutocastGuard`, which makes f32 convolutions compute in 16
/// bit, it is 16 bit on CUDA devices. The gradient of x has x's dtype. Sparse packed spikes are
/// convolved event by event where groups is 1, see ops/spikes/event_thresholds.h. Errors: shapes,
/// dtypes or options that do not fit.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              Conv2dOptions options = {});

}  // namespace ranvier
