// The parts of batch normalisation that every kind of device implements.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier::norm {

/// What x is normalised with.
struct Normalisation {
  BatchStatistics statistics;
  Tensor centre;  ///< the mean in the dtype that x is computed with, [groups, C]
  BatchAffine affine;
  double eps = 0;
  std::shared_ptr<BatchNormRanks> ranks{};  ///< that hold parts of x, or null
};

/// What `batch_norm` normalises x with under `options`; moves `running` along if that is taken from
/// x. On the CPU x is f32 or f64. Errors as `batch_norm`.
Normalisation normalisation(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                            const RunningStatistics& running, const BatchNormOptions& options);

/// Sums over the values of each channel, f64 [groups, C]: of the gradient g of y, and of
/// g (x - centre). Or, on a CUDA device, what adds up to them: f64 [groups, parts, 2, C].
struct GradientSums {
  Tensor grad;
  Tensor grad_x;
  Tensor partials;
};

/// Gradients of gamma and beta [C], and what gx is made of: gx = scale g + slope (x - centre) +
/// offset, [groups, C] each; slope and offset are zero if the statistics are not those of x.
struct Gradient {
  Tensor gamma;
  Tensor beta;
  Tensor scale;
  Tensor slope;
  Tensor offset;
};
/// `sums` are those of this rank; gamma and beta get its share of their gradients.
Gradient gradient(const Normalisation& of, const GradientSums& sums, const Tensor& gamma);

/// Fills mean and variance [groups, C] of x from one read of it.
using StatisticsKernel = void(const Tensor& x, BatchStatistics& statistics);
extern DeviceKernels<StatisticsKernel> statistics_kernels;

/// Fills scale and shift [groups, C]; gamma and beta may be undefined.
using AffineKernel = void(const BatchStatistics& statistics, const Tensor& gamma,
                          const Tensor& beta, double eps, BatchAffine& affine);
extern DeviceKernels<AffineKernel> affine_kernels;

/// Moves `running` towards the statistics of each group in turn.
using RunningKernel = void(const RunningStatistics& running, const BatchStatistics& statistics,
                           double momentum);
extern DeviceKernels<RunningKernel> running_kernels;

/// Fills all of `result` from x, and moves `running`, unless it is undefined, towards each group's
/// statistics in turn.
using NormalisationKernel = void(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                 const RunningStatistics& running, double momentum,
                                 Normalisation& result);
extern DeviceKernels<NormalisationKernel> normalisation_kernels;

/// y = fma(x, scale, shift)
using ApplyKernel = void(const Tensor& x, const BatchAffine& affine, Tensor& y);
extern DeviceKernels<ApplyKernel> apply_kernels;

/// The sums of the gradient g of y and of g (x - centre).
using SumsKernel = GradientSums(const Tensor& grad, const Tensor& x, const Tensor& centre);
extern DeviceKernels<SumsKernel> sums_kernels;

/// Fills `gradient`.
using GradientKernel = void(const Normalisation& of, const GradientSums& sums, const Tensor& gamma,
                            Gradient& gradient);
extern DeviceKernels<GradientKernel> gradient_kernels;

/// Writes the gradient of x into `grad_x`.
using InputGradientKernel = void(const Tensor& grad, const Tensor& x, const Normalisation& of,
                                 const Gradient& gradient, Tensor& grad_x);
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
