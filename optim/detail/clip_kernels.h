// Norms and bounds of gradients, on their device.
#pragma once

#include <span>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::optim {

/// sums[i], f64 on the gradients' device, = the sum of squares of gradients[i], added in f64 in an
/// order that depends on its length only.
using SumsOfSquaresKernel = void(std::span<const Tensor> gradients, Tensor& sums);
extern DeviceKernels<SumsOfSquaresKernel> sums_of_squares_kernels;

/// norm, a scalar f64, = the root of the sum of `sums`, in order.
using NormKernel = void(const Tensor& sums, Tensor& norm);
extern DeviceKernels<NormKernel> norm_kernels;

/// Scales gradients by max_norm / (norm + 1e-6) where that is less than 1 and `norm` is finite.
using ScaleToNormKernel = void(std::span<Tensor> gradients, const Tensor& norm, double max_norm);
extern DeviceKernels<ScaleToNormKernel> scale_to_norm_kernels;

using ClampKernel = void(std::span<Tensor> gradients, float limit);
extern DeviceKernels<ClampKernel> clamp_kernels;

}  // namespace ranvier::optim
