// What batch normalisation does per channel on a CUDA device with the sums that it took in one read
// of x; running statistics too are moved by small kernels, so that nothing waits for the host.
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"
#include "ranvier/ops/norm/detail/coefficients.h"

namespace ranvier::norm::device {
namespace {

using cuda::elements;
using cuda::elements_or_null;
using cuda::mutable_elements;
using ranvier::detail::Type;

constexpr const char* op = "batch_norm";

template <class Body>
void visit(DType dtype, Body&& body) {
  ranvier::detail::visit_real(op, dtype, body);
}
/// Of values that are stored as S.
template <class Body>
void visit_stored(DType dtype, Body&& body) {
  ranvier::detail::visit_floating(op, dtype, body);
}

/// The moments of [groups, channels] from `moment_partials` of x.
template <class S>
struct MomentsOf {
  const S* x;
  std::int64_t channels, rows;
  __device__ Moments operator()(std::int64_t i, double sum, double square) const {
    const std::int64_t group = i / channels;
    const S origin = x[group * rows * channels + i - group * channels];
    return moments_of(cuda::widen<Real<S>>(origin), sum, square, static_cast<double>(rows));
  }
};

template <class S>
void statistics_of(const Tensor& x, BatchStatistics& statistics) {
  const Extent extent(x, statistics.mean.size(0));
  const S* const values = elements<S>(op, x);
  const MomentsOf<S> moments{values, extent.channels, extent.rows};
  double* const mean = mutable_elements<double>(op, statistics.mean);
  double* const variance = mutable_elements<double>(op, statistics.variance);
  finish_sums(op, moment_partials(x.device(), extent, values),
              [=] __device__(std::int64_t i, double sum, double square) {
                const Moments of = moments(i, sum, square);
                mean[i] = of.mean;
                variance[i] = of.variance;
              });
}

void statistics(const Tensor& x, BatchStatistics& result) {
  visit_stored(x.dtype(), [&]<class S>(Type<S>) { statistics_of<S>(x, result); });
}

GradientSums sums(const Tensor& grad, const Tensor& x, const Tensor& centre) {
  GradientSums result;
  visit_stored(x.dtype(), [&]<class S>(Type<S>) {
    result.partials =
        gradient_partials<S>(x.device(), Extent(x, centre.size(0)), elements<S>(op, grad),
                             elements<S>(op, x), elements<Real<S>>(op, centre));
  });
  return result;
}

// --- per channel --------------------------------------------------------------------------------

/// gamma or beta, or what an undefined one stands for.
template <class R>
__device__ double value_or(const R* values, std::int64_t c, double otherwise) {
  return values == nullptr ? otherwise : static_cast<double>(values[c]);
}

template <class R>
void move_running_by(const RunningStatistics& running, const BatchStatistics& statistics,
                     double momentum) {
  Tensor running_mean = running.mean, running_variance = running.variance;
  R* const mean = mutable_elements<R>(op, running_mean);
  R* const variance = mutable_elements<R>(op, running_variance);
  const double* const batch_mean = elements<double>(op, statistics.mean);
  const double* const batch_variance = elements<double>(op, statistics.variance);
  const std::int64_t total = statistics.mean.numel(), channels = running.mean.numel();
  const auto count = static_cast<double>(statistics.count);
  cuda::for_each(op, running.mean.device(), channels, [=] __device__(std::int64_t c) {
    R m = mean[c], v = variance[c];
    for (std::int64_t i = c; i < total; i += channels) {
      m = moved(m, batch_mean[i], momentum);
      v = moved(v, unbiased(batch_variance[i], count), momentum);
    }
    mean[c] = m;
    variance[c] = v;
  });
}

void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
                  double momentum) {
  visit(running.mean.dtype(),
        [&]<class R>(Type<R>) { move_running_by<R>(running, statistics, momentum); });
}

template <class R>
void affine_of(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta,
               double eps, BatchAffine& result) {
  const double* const mean = elements<double>(op, statistics.mean);
  const double* const variance = elements<double>(op, statistics.variance);
  const R* const gammas = elements_or_null<R>(op, gamma);
  const R* const betas = elements_or_null<R>(op, beta);
  R* const scale = mutable_elements<R>(op, result.scale);
  R* const shift = mutable_elements<R>(op, result.shift);
  const std::int64_t channels = statistics.mean.size(1);
  cuda::for_each(op, statistics.mean.device(), statistics.mean.numel(),
                 [=] __device__(std::int64_t i) {
                   const std::int64_t c = i % channels;
                   const auto of = scale_shift<R>({mean[i], variance[i]}, value_or(gammas, c, 1),
                                                  value_or(betas, c, 0), eps);
                   scale[i] = of.scale;
                   shift[i] = of.shift;
                 });
}

void affine(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta, double eps,
            BatchAffine& result) {
  visit(result.scale.dtype(),
        [&]<class R>(Type<R>) { affine_of<R>(statistics, gamma, beta, eps, result); });
}

/// A batch of one group: all its numbers from the sums in one kernel, which reads what it needs
/// before it computes, so as to wait for memory once.
template <class S>
void normalise_batch(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                     const RunningStatistics& running, double momentum, Normalisation& result) {
  using R = Real<S>;
  const Extent extent(x, 1);
  const S* const origins = elements<S>(op, x);
  Tensor running_mean = running.mean, running_variance = running.variance;
  const bool moves = running.defined();
  R* const moved_mean = moves ? mutable_elements<R>(op, running_mean) : nullptr;
  R* const moved_variance = moves ? mutable_elements<R>(op, running_variance) : nullptr;
  double* const mean = mutable_elements<double>(op, result.statistics.mean);
  double* const variance = mutable_elements<double>(op, result.statistics.variance);
  const R* const gammas = elements_or_null<R>(op, gamma);
  const R* const betas = elements_or_null<R>(op, beta);
  R* const centre = mutable_elements<R>(op, result.centre);
  R* const scale = mutable_elements<R>(op, result.affine.scale);
  R* const shift = mutable_elements<R>(op, result.affine.shift);
  const auto count = static_cast<double>(extent.rows);
  const double eps = result.eps;
  finish_sums(op, moment_partials(x.device(), extent, origins),
              [=] __device__(std::int64_t c, double sum, double square) {
                const double origin = cuda::widen<R>(origins[c]);
                const double g = value_or(gammas, c, 1), b = value_or(betas, c, 0);
                const R was_mean = moves ? moved_mean[c] : 0;
                const R was_variance = moves ? moved_variance[c] : 0;
                const Moments of = moments_of(origin, sum, square, count);
                mean[c] = of.mean;
                variance[c] = of.variance;
                centre[c] = static_cast<R>(of.mean);
                const auto by = scale_shift<R>(of, g, b, eps);
                scale[c] = by.scale;
                shift[c] = by.shift;
                if (!moves) return;
                moved_mean[c] = moved(was_mean, of.mean, momentum);
                moved_variance[c] = moved(was_variance, unbiased(of.variance, count), momentum);
              });
}

void normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta,
               const RunningStatistics& running, double momentum, Normalisation& result) {
  visit_stored(x.dtype(), [&]<class S>(Type<S>) {
    if (result.centre.size(0) == 1)
      return normalise_batch<S>(x, gamma, beta, running, momentum, result);
    using R = Real<S>;
    statistics_of<S>(x, result.statistics);
    if (running.defined()) move_running_by<R>(running, result.statistics, momentum);
    affine_of<R>(result.statistics, gamma, beta, result.eps, result.affine);
    result.centre = result.statistics.mean.to(dtype_of<R>);
  });
}

/// The arrays of a gradient, and what is done for each of [groups, channels].
template <class R>
struct PartsOf {
  const double *mean, *variance;
  const R *centre, *gammas;
  R *scale, *slope, *offset;
  std::int64_t channels;
  double eps, count;

  PartsOf(const Normalisation& of, const Tensor& gamma, Gradient& result)
      : mean(elements<double>(op, of.statistics.mean)),
        variance(elements<double>(op, of.statistics.variance)),
        centre(elements<R>(op, of.centre)),
        gammas(elements_or_null<R>(op, gamma)),
        scale(mutable_elements<R>(op, result.scale)),
        slope(mutable_elements<R>(op, result.slope)),
        offset(mutable_elements<R>(op, result.offset)),
        channels(of.centre.size(1)),
        eps(of.eps),
        count(static_cast<double>(of.statistics.count)) {}

  __device__ norm::GradientParts<R> operator()(std::int64_t i, double sum, double sum_x) const {
    const auto parts = gradient_parts({mean[i], variance[i]}, centre[i], sum, sum_x,
                                      value_or(gammas, i % channels, 1), eps, count);
    scale[i] = parts.scale;
    slope[i] = parts.slope;
    offset[i] = parts.offset;
    return parts;
  }
};

template <class R>
void gradient_of(const Normalisation& of, const Tensor& partials, const Tensor& gamma,
                 Gradient& result) {
  const PartsOf<R> parts(of, gamma, result);
  R* const grad_gamma = mutable_elements<R>(op, result.gamma);
  R* const grad_beta = mutable_elements<R>(op, result.beta);
  const std::int64_t groups = of.centre.size(0), channels = of.centre.size(1);
  if (groups == 1)
    return finish_sums(op, partials, [=] __device__(std::int64_t c, double sum, double sum_x) {
      const auto by = parts(c, sum, sum_x);
      grad_gamma[c] = static_cast<R>(by.gamma);
      grad_beta[c] = static_cast<R>(by.beta);
    });
  Tensor sums = empty({2, groups, channels}, {.dtype = DType::f64, .device = partials.device()});
  double* const sum = mutable_elements<double>(op, sums);
  double* const sum_x = sum + groups * channels;
  finish_sums(op, partials, [=] __device__(std::int64_t i, double a, double b) {
    sum[i] = a;
    sum_x[i] = b;
  });
  cuda::for_each(op, partials.device(), channels, [=] __device__(std::int64_t c) {
    double of_gamma = 0, of_beta = 0;
    for (std::int64_t i = c; i < groups * channels; i += channels) {
      const auto by = parts(i, sum[i], sum_x[i]);
      of_gamma += by.gamma;
      of_beta += by.beta;
    }
    grad_gamma[c] = static_cast<R>(of_gamma);
    grad_beta[c] = static_cast<R>(of_beta);
  });
}

void gradient(const Normalisation& of, const GradientSums& sums, const Tensor& gamma,
              Gradient& result) {
  visit(of.centre.dtype(),
        [&]<class R>(Type<R>) { gradient_of<R>(of, sums.partials, gamma, result); });
}

const CudaKernel statistics_kernel(statistics_kernels, statistics);
const CudaKernel affine_kernel(affine_kernels, affine);
const CudaKernel running_kernel(running_kernels, move_running);
const CudaKernel normalisation_kernel(normalisation_kernels, normalise);
const CudaKernel sums_kernel(sums_kernels, sums);
const CudaKernel gradient_kernel(gradient_kernels, gradient);

}  // namespace
}  // namespace ranvier::norm::device
