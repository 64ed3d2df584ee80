// Pooling over the two spatial axes of [B, H, W, C] or [T, B, H, W, C].
#pragma once

#include <array>
#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// Windows of a pooling operation, (height, width) each.
struct Pool2dOptions {
  std::array<std::int64_t, 2> kernel{2, 2};
  std::array<std::int64_t, 2> stride{0, 0};   ///< 0: as the kernel
  std::array<std::int64_t, 2> padding{0, 0};  ///< at most half the kernel
};

/// The largest value of each window; padding never wins. The gradient goes to the first largest
/// value in row order. Floating, or packed spikes (their union). Errors: rank, options, a window
/// larger than the padded image.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {});

/// The mean of each window, padding counted as zeros (PyTorch's default). Floating; means of 16-bit
/// floats are taken in f32 and rounded.
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options = {});

/// Pools to `size` [H, W] with windows [floor(i H / h), ceil((i + 1) H / h)), as PyTorch does.
/// Error: a size < 1.
Tensor adaptive_max_pool2d(const Tensor& x, std::array<std::int64_t, 2> size);
Tensor adaptive_avg_pool2d(const Tensor& x, std::array<std::int64_t, 2> size);

/// The mean over H and W: [..., H, W, C] -> [..., C].
Tensor global_avg_pool2d(const Tensor& x);

}  // namespace ranvier
