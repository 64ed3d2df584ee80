// The parts of batch normalisation that every kind of device implements.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier::norm {

/// Fills mean and variance [groups, C] of x from one read of it.
using StatisticsKernel = void(const Tensor& x, BatchStatistics& statistics);
extern DeviceKernels<StatisticsKernel> statistics_kernels;

/// Moves `running` towards each group's statistics in turn.
using RunningKernel = void(const RunningStatistics& running, const BatchStatistics& statistics,
                           double momentum);
extern DeviceKernels<RunningKernel> running_kernels;

/// Fills scale and shift [groups, C]; gamma and beta may be undefined.
using AffineKernel = void(const BatchStatistics& statistics, const Tensor& gamma,
                          const Tensor& beta, double eps, BatchAffine& affine);
extern DeviceKernels<AffineKernel> affine_kernels;

/// y = fma(x, scale, shift)
using ApplyKernel = void(const Tensor& x, const BatchAffine& affine, Tensor& y);
extern DeviceKernels<ApplyKernel> apply_kernels;

/// Fills the sums of the gradient g of y and of g (x - centre), all [groups, C].
using SumsKernel = void(const Tensor& grad, const Tensor& x, const Tensor& centre,
                        BatchNormSums& sums);
extern DeviceKernels<SumsKernel> sums_kernels;

/// Fills all of `gradient` but its centre.
using GradientKernel = void(const BatchStatistics& statistics, const BatchNormSums& sums,
                            const Tensor& gamma, double eps, BatchNormGradient& gradient);
extern DeviceKernels<GradientKernel> gradient_kernels;

/// Writes the gradient of x into `grad_x`, which may be `grad`; `from_batch` false: slope and
/// offset are zero.
using InputGradientKernel = void(const Tensor& grad, const Tensor& x, const BatchNormGradient& of,
                                 bool from_batch, Tensor& grad_x);
extern DeviceKernels<InputGradientKernel> input_gradient_kernels;

/// x [groups, rows, channels].
struct Extent {
  std::int64_t groups, rows, channels;

  Extent(std::int64_t groups, std::int64_t rows, std::int64_t channels)
      : groups(groups), rows(rows), channels(channels) {}
  Extent(const Tensor& x, std::int64_t number)
      : groups(number),
        rows(number == 0 ? 0 : x.shape().sub(0, x.rank() - 1).numel() / number),
        channels(x.size(-1)) {}
};

}  // namespace ranvier::norm
