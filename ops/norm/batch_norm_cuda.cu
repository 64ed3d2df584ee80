// Batch normalisation on a CUDA device. Sums are taken in one read; what is done with them per
// channel, and running statistics, are small kernels, so that nothing waits for the host.
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"
#include "ranvier/ops/norm/detail/coefficients.h"

namespace ranvier::norm::device {
namespace {

using cuda::elements;
using cuda::elements_or_null;
using cuda::load;
using cuda::mutable_elements;
using cuda::Pack;
using cuda::visit_lanes;
using ranvier::detail::Type;

constexpr const char* op = "batch_norm";
constexpr int sum_threads = 256;

template <class Body>
decltype(auto) visit(DType dtype, Body&& body) {
  return ranvier::detail::visit_real(op, dtype, body);
}

// --- sums ---------------------------------------------------------------------------------------

/// Terms x - origin and their square; the origin is the first row of each group.
template <class R>
struct MomentTerms {
  const R* x;
  const R* origin;
  std::int64_t origin_step;  // from a group's origin to the next one's

  static constexpr int in_flight = 8;
  template <int lanes>
  struct Item {
    Pack<R, lanes> x;
  };
  template <int lanes>
  __device__ Item<lanes> read(std::int64_t at) const {
    return {load<R, lanes>(x + at)};
  }
  template <int lanes>
  __device__ static void add(const Item<lanes>& item, R origin, int i, R& sum, R& square) {
    const R d = item.x.lane[i] - origin;
    sum += d;
    square += d * d;
  }
};

/// Terms g and g (x - centre).
template <class R>
struct GradientTerms {
  const R *x, *grad;
  const R* origin;
  std::int64_t origin_step;

  static constexpr int in_flight = 4;
  template <int lanes>
  struct Item {
    Pack<R, lanes> x, grad;
  };
  template <int lanes>
  __device__ Item<lanes> read(std::int64_t at) const {
    return {load<R, lanes>(x + at), load<R, lanes>(grad + at)};
  }
  template <int lanes>
  __device__ static void add(const Item<lanes>& item, R centre, int i, R& sum, R& sum_x) {
    const R g = item.grad.lane[i];
    sum += g;
    sum_x += g * (item.x.lane[i] - centre);
  }
};

/// Some rows are added up in R before they join the f64 sums, where a rounding error in R is lost.
template <class R, int lanes, class Terms>
__global__ void __launch_bounds__(sum_threads)
    sum_rows(const Terms terms, const Layout layout, double* partials) {
  const Place place(layout);
  double first[lanes] = {}, second[lanes] = {};
  if (!place.idle) {
    const std::int64_t columns = layout.packs * lanes, step = layout.row_step();
    const std::int64_t base = place.group * layout.rows * columns + place.pack * lanes;
    const auto origin =
        load<R, lanes>(terms.origin + place.group * terms.origin_step + place.pack * lanes);
    for (std::int64_t row = place.row; row < layout.rows; row += Terms::in_flight * step) {
      typename Terms::template Item<lanes> items[Terms::in_flight];
#pragma unroll
      for (int s = 0; s < Terms::in_flight; ++s)
        if (row + s * step < layout.rows)
          items[s] = terms.template read<lanes>(base + (row + s * step) * columns);
      R a[lanes] = {}, b[lanes] = {};
#pragma unroll
      for (int s = 0; s < Terms::in_flight; ++s)
#pragma unroll
        for (int i = 0; i < lanes; ++i)
          if (row + s * step < layout.rows) Terms::add(items[s], origin.lane[i], i, a[i], b[i]);
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        first[i] += static_cast<double>(a[i]);
        second[i] += static_cast<double>(b[i]);
      }
    }
  }
  leave_partials<sum_threads>(first, second, layout, place, partials);
}

/// Partial sums of `terms` over [groups, rows, channels].
template <class R, int lanes, class Terms>
Tensor partial_sums(const Extent& extent, Device device, const Terms& terms) {
  const Layout layout = Layout::of(extent.rows, extent.channels / lanes, sum_threads, 16, 1024);
  Tensor partials = partials_for(device, layout, extent.groups, extent.channels);
  if (partials.numel() > 0)
    cuda::launch(op, device, {static_cast<unsigned>(extent.groups) * layout.blocks(), sum_threads},
                 sum_rows<R, lanes, Terms>, terms, layout, mutable_elements<double>(op, partials));
  return partials;
}

template <class R>
Tensor moment_partials(const Tensor& x, const Extent& extent) {
  const R* const values = elements<R>(op, x);
  const MomentTerms<R> terms{values, values, extent.rows * extent.channels};
  Tensor partials;
  visit_lanes<R>(extent.channels, {values}, [&](auto lanes) {
    partials = partial_sums<R, decltype(lanes)::value>(extent, x.device(), terms);
  });
  return partials;
}

/// The moments of [groups, channels] from sums that `MomentTerms` left.
template <class R>
struct MomentsOf {
  const R* x;
  std::int64_t channels, rows;
  __device__ Moments operator()(std::int64_t i, double sum, double square) const {
    const std::int64_t group = i / channels;
    const R origin = x[group * rows * channels + i - group * channels];
    return moments_of(static_cast<double>(origin), sum, square, static_cast<double>(rows));
  }
};

template <class R>
void statistics_of(const Tensor& x, BatchStatistics& statistics) {
  const Extent extent(x, statistics.mean.size(0));
  const MomentsOf<R> moments{elements<R>(op, x), extent.channels, extent.rows};
  double* const mean = mutable_elements<double>(op, statistics.mean);
  double* const variance = mutable_elements<double>(op, statistics.variance);
  finish_sums(op, moment_partials<R>(x, extent),
              [=] __device__(std::int64_t i, double sum, double square) {
                const Moments of = moments(i, sum, square);
                mean[i] = of.mean;
                variance[i] = of.variance;
              });
}

void statistics(const Tensor& x, BatchStatistics& result) {
  visit(x.dtype(), [&]<class R>(Type<R>) { statistics_of<R>(x, result); });
}

}  // namespace

template <class R>
Tensor gradient_partials(Device device, const Extent& extent, const R* grad, const R* x,
                         const R* centre) {
  const GradientTerms<R> terms{x, grad, centre, extent.channels};
  Tensor partials;
  visit_lanes<R>(extent.channels, {x, grad, centre}, [&](auto lanes) {
    partials = partial_sums<R, decltype(lanes)::value>(extent, device, terms);
  });
  return partials;
}
template Tensor gradient_partials(Device, const Extent&, const float*, const float*, const float*);
template Tensor gradient_partials(Device, const Extent&, const double*, const double*,
                                  const double*);

namespace {

GradientSums sums(const Tensor& grad, const Tensor& x, const Tensor& centre) {
  GradientSums result;
  visit(x.dtype(), [&]<class R>(Type<R>) {
    result.partials =
        gradient_partials(x.device(), Extent(x, centre.size(0)), elements<R>(op, grad),
                          elements<R>(op, x), elements<R>(op, centre));
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

/// A batch of one group: all its numbers from the sums in one kernel.
template <class R>
void normalise_batch(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                     const RunningStatistics& running, double momentum, Normalisation& result) {
  const Extent extent(x, 1);
  const MomentsOf<R> moments{elements<R>(op, x), extent.channels, extent.rows};
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
  finish_sums(
      op, moment_partials<R>(x, extent), [=] __device__(std::int64_t c, double sum, double square) {
        const Moments of = moments(c, sum, square);
        mean[c] = of.mean;
        variance[c] = of.variance;
        centre[c] = static_cast<R>(of.mean);
        const auto by = scale_shift<R>(of, value_or(gammas, c, 1), value_or(betas, c, 0), eps);
        scale[c] = by.scale;
        shift[c] = by.shift;
        if (moved_mean == nullptr) return;
        moved_mean[c] = moved(moved_mean[c], of.mean, momentum);
        moved_variance[c] = moved(moved_variance[c], unbiased(of.variance, count), momentum);
      });
}

void normalise(const Tensor& x, const Tensor& gamma, const Tensor& beta,
               const RunningStatistics& running, double momentum, Normalisation& result) {
  visit(x.dtype(), [&]<class R>(Type<R>) {
    if (result.centre.size(0) == 1)
      return normalise_batch<R>(x, gamma, beta, running, momentum, result);
    statistics_of<R>(x, result.statistics);
    if (running.defined()) move_running_by<R>(running, result.statistics, momentum);
    affine_of<R>(result.statistics, gamma, beta, result.eps, result.affine);
    result.centre = result.statistics.mean.to(x.dtype());
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
