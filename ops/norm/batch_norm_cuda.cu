// Batch normalisation on a CUDA device. Sums are taken in one read; what is done with them per
// channel, and running statistics, are small kernels, so that nothing waits for the host.
#include <type_traits>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/neurons/math.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"
#include "ranvier/ops/norm/detail/coefficients.h"

namespace ranvier::norm::device {
namespace {

using cuda::elements;
using cuda::elements_or_null;
using cuda::full_lanes;
using cuda::load;
using cuda::mutable_elements;
using cuda::Pack;
using cuda::store;
using neurons::mul_add;
using ranvier::detail::Type;

constexpr const char* op = "batch_norm";
constexpr int sum_threads = 256;

template <class Body>
decltype(auto) visit(DType dtype, Body&& body) {
  return ranvier::detail::visit_real(op, dtype, body);
}

/// Calls `body(std::integral_constant<int, lanes>)` with the widest access that rows of `columns`
/// values at `arrays` allow.
template <class R, class Body>
void visit_lanes(std::int64_t columns, std::initializer_list<const void*> arrays, Body&& body) {
  if (cuda::in_packs<R>(columns, arrays))
    body(std::integral_constant<int, full_lanes<R>>{});
  else
    body(std::integral_constant<int, 1>{});
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
void statistics_of(const Tensor& x, BatchStatistics& statistics) {
  const Extent extent(x, statistics.mean.size(0));
  const std::int64_t group_step = extent.rows * extent.channels, channels = extent.channels;
  const R* const values = elements<R>(op, x);
  Tensor partials;
  visit_lanes<R>(channels, {values}, [&](auto lanes) {
    partials = partial_sums<R, decltype(lanes)::value>(extent, x.device(),
                                                       MomentTerms<R>{values, values, group_step});
  });
  double* const mean = mutable_elements<double>(op, statistics.mean);
  double* const variance = mutable_elements<double>(op, statistics.variance);
  const auto count = static_cast<double>(extent.rows);
  finish_sums(op, partials, [=] __device__(std::int64_t i, double sum, double square) {
    const std::int64_t group = i / channels;
    const auto origin = static_cast<double>(values[group * group_step + i - group * channels]);
    const Moments of = moments_of(origin, sum, square, count);
    mean[i] = of.mean;
    variance[i] = of.variance;
  });
}

void statistics(const Tensor& x, BatchStatistics& result) {
  visit(x.dtype(), [&]<class R>(Type<R>) { statistics_of<R>(x, result); });
}

}  // namespace

template <class R>
void gradient_sums(Device device, const Extent& extent, const R* grad, const R* x, const R* centre,
                   double* sum, double* sum_x) {
  const GradientTerms<R> terms{x, grad, centre, extent.channels};
  Tensor partials;
  visit_lanes<R>(extent.channels, {x, grad, centre}, [&](auto lanes) {
    partials = partial_sums<R, decltype(lanes)::value>(extent, device, terms);
  });
  finish_sums(op, partials, [=] __device__(std::int64_t i, double a, double b) {
    sum[i] = a;
    sum_x[i] = b;
  });
}
template void gradient_sums(Device, const Extent&, const float*, const float*, const float*,
                            double*, double*);
template void gradient_sums(Device, const Extent&, const double*, const double*, const double*,
                            double*, double*);

namespace {

void sums(const Tensor& grad, const Tensor& x, const Tensor& centre, BatchNormSums& result) {
  visit(x.dtype(), [&]<class R>(Type<R>) {
    gradient_sums(x.device(), Extent(x, centre.size(0)), elements<R>(op, grad), elements<R>(op, x),
                  elements<R>(op, centre), mutable_elements<double>(op, result.grad),
                  mutable_elements<double>(op, result.grad_x));
  });
}

// --- per channel --------------------------------------------------------------------------------

template <class R>
void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
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

void running(const RunningStatistics& running, const BatchStatistics& statistics, double momentum) {
  visit(running.mean.dtype(),
        [&]<class R>(Type<R>) { move_running<R>(running, statistics, momentum); });
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
  cuda::for_each(
      op, statistics.mean.device(), statistics.mean.numel(), [=] __device__(std::int64_t i) {
        const std::int64_t c = i % channels;
        const auto of = scale_shift<R>({mean[i], variance[i]},
                                       gammas == nullptr ? 1 : static_cast<double>(gammas[c]),
                                       betas == nullptr ? 0 : static_cast<double>(betas[c]), eps);
        scale[i] = of.scale;
        shift[i] = of.shift;
      });
}

void affine(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta, double eps,
            BatchAffine& result) {
  visit(result.scale.dtype(),
        [&]<class R>(Type<R>) { affine_of<R>(statistics, gamma, beta, eps, result); });
}

template <class R>
void gradient_of(const BatchStatistics& statistics, const BatchNormSums& sums, const Tensor& gamma,
                 double eps, BatchNormGradient& result) {
  const double* const mean = elements<double>(op, statistics.mean);
  const double* const variance = elements<double>(op, statistics.variance);
  const double* const sum = elements<double>(op, sums.grad);
  const double* const sum_x = elements<double>(op, sums.grad_x);
  const R* const gammas = elements_or_null<R>(op, gamma);
  const R* const centre = elements<R>(op, result.centre);
  R* const grad_gamma = mutable_elements<R>(op, result.gamma);
  R* const grad_beta = mutable_elements<R>(op, result.beta);
  R* const scale = mutable_elements<R>(op, result.scale);
  R* const slope = mutable_elements<R>(op, result.slope);
  R* const offset = mutable_elements<R>(op, result.offset);
  const std::int64_t total = statistics.mean.numel(), channels = statistics.mean.size(1);
  const auto count = static_cast<double>(statistics.count);
  cuda::for_each(op, statistics.mean.device(), channels, [=] __device__(std::int64_t c) {
    const double of_channel = gammas == nullptr ? 1 : static_cast<double>(gammas[c]);
    double of_gamma = 0, of_beta = 0;
    for (std::int64_t i = c; i < total; i += channels) {
      const auto parts = gradient_parts({mean[i], variance[i]}, centre[i], sum[i], sum_x[i],
                                        of_channel, eps, count);
      of_gamma += parts.gamma;
      of_beta += parts.beta;
      scale[i] = parts.scale;
      slope[i] = parts.slope;
      offset[i] = parts.offset;
    }
    grad_gamma[c] = static_cast<R>(of_gamma);
    grad_beta[c] = static_cast<R>(of_beta);
  });
}

void gradient(const BatchStatistics& statistics, const BatchNormSums& sums, const Tensor& gamma,
              double eps, BatchNormGradient& result) {
  visit(result.scale.dtype(),
        [&]<class R>(Type<R>) { gradient_of<R>(statistics, sums, gamma, eps, result); });
}

// --- per value ----------------------------------------------------------------------------------

/// Where the coefficients of each pack of [groups, rows, packs] are.
struct Coefficients {
  std::int64_t packs, group_packs;
  bool one_group;

  Coefficients(const Extent& extent, int lanes)
      : packs(extent.channels / lanes),
        group_packs(extent.rows * packs),
        one_group(extent.groups == 1) {}
  __device__ std::int64_t of(std::int64_t pack) const {
    return pack % packs + (one_group ? 0 : pack / group_packs * packs);
  }
};

template <class R, int lanes>
void apply_packs(Device device, const Extent& extent, const R* x, const R* scale, const R* shift,
                 R* y) {
  const Coefficients coefficients(extent, lanes);
  cuda::for_each(op, device, extent.groups * coefficients.group_packs,
                 [=] __device__(std::int64_t pack) {
                   const std::int64_t c = coefficients.of(pack) * lanes;
                   auto values = load<R, lanes>(x + pack * lanes);
                   const auto a = load<R, lanes>(scale + c), b = load<R, lanes>(shift + c);
#pragma unroll
                   for (int i = 0; i < lanes; ++i)
                     values.lane[i] = mul_add(values.lane[i], a.lane[i], b.lane[i]);
                   store<R, lanes>(y + pack * lanes, values);
                 });
}

template <class R, int lanes>
void input_gradient_packs(Device device, const Extent& extent, const GradientArrays<R>& of) {
  const Coefficients coefficients(extent, lanes);
  cuda::for_each(
      op, device, extent.groups * coefficients.group_packs, [=] __device__(std::int64_t pack) {
        const std::int64_t at = pack * lanes, c = coefficients.of(pack) * lanes;
        auto g = load<R, lanes>(of.grad + at);
        const auto x = load<R, lanes>(of.x + at);
        const auto scale = load<R, lanes>(of.scale + c);
        const auto slope = load<R, lanes>(of.slope + c);
        const auto centre = load<R, lanes>(of.centre + c);
        const auto offset = load<R, lanes>(of.offset + c);
#pragma unroll
        for (int i = 0; i < lanes; ++i)
          g.lane[i] = mul_add(scale.lane[i], g.lane[i],
                              mul_add(slope.lane[i], x.lane[i] - centre.lane[i], offset.lane[i]));
        store<R, lanes>(of.grad_x + at, g);
      });
}

}  // namespace

template <class R>
void apply(Device device, const Extent& extent, const R* x, const R* scale, const R* shift, R* y) {
  visit_lanes<R>(extent.channels, {x, scale, shift, y}, [&](auto lanes) {
    apply_packs<R, decltype(lanes)::value>(device, extent, x, scale, shift, y);
  });
}
template void apply(Device, const Extent&, const float*, const float*, const float*, float*);
template void apply(Device, const Extent&, const double*, const double*, const double*, double*);

template <class R>
void input_gradient(Device device, const Extent& extent, const GradientArrays<R>& of) {
  visit_lanes<R>(
      extent.channels, {of.grad, of.x, of.scale, of.slope, of.centre, of.offset, of.grad_x},
      [&](auto lanes) { input_gradient_packs<R, decltype(lanes)::value>(device, extent, of); });
}
template void input_gradient(Device, const Extent&, const GradientArrays<float>&);
template void input_gradient(Device, const Extent&, const GradientArrays<double>&);

namespace {

template <class R>
void apply_to(const Tensor& x, const Tensor& scale, const Tensor& shift, Tensor& y) {
  apply(x.device(), Extent(x, scale.size(0)), elements<R>(op, x), elements<R>(op, scale),
        elements<R>(op, shift), mutable_elements<R>(op, y));
}

void apply_affine(const Tensor& x, const BatchAffine& of, Tensor& y) {
  visit(x.dtype(), [&]<class R>(Type<R>) { apply_to<R>(x, of.scale, of.shift, y); });
}

void gradient_of_input(const Tensor& grad, const Tensor& x, const BatchNormGradient& of,
                       bool from_batch, Tensor& grad_x) {
  visit(x.dtype(), [&]<class R>(Type<R>) {
    if (!from_batch) return apply_to<R>(grad, of.scale, of.offset, grad_x);
    input_gradient(
        x.device(), Extent(x, of.scale.size(0)),
        GradientArrays<R>{elements<R>(op, grad), elements<R>(op, x), elements<R>(op, of.scale),
                          elements<R>(op, of.slope), elements<R>(op, of.centre),
                          elements<R>(op, of.offset), mutable_elements<R>(op, grad_x)});
  });
}

const CudaKernel statistics_kernel(statistics_kernels, statistics);
const CudaKernel running_kernel(running_kernels, running);
const CudaKernel affine_kernel(affine_kernels, affine);
const CudaKernel apply_kernel(apply_kernels, apply_affine);
const CudaKernel sums_kernel(sums_kernels, sums);
const CudaKernel gradient_kernel(gradient_kernels, gradient);
const CudaKernel input_gradient_kernel(input_gradient_kernels, gradient_of_input);

}  // namespace
}  // namespace ranvier::norm::device
