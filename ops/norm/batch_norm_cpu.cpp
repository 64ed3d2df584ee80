#include <algorithm>
#include <utility>
#include <vector>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/norm/detail/batch_norm_kernels.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"
#include "ranvier/ops/norm/detail/coefficients.h"

namespace ranvier::norm {
namespace {

using ranvier::detail::Type;

template <class Body>
decltype(auto) visit(DType dtype, Body&& body) {
  return ranvier::detail::visit_real("batch_norm", dtype, std::forward<Body>(body));
}

// Sums are taken of chunks of this many values and added up in order, so that they do not depend
// on the number of threads.
constexpr std::int64_t chunk_values = 1 << 16;

// Rows with fewer channels are taken several at once, side by side, to fill vectors.
constexpr std::int64_t narrow = 128;

template <class R>
const Kernels<R>& kernels() {
  return pick_isa(isa_v2::kernels<R>(), isa_v3::kernels<R>(), isa_v4::kernels<R>());
}

// x [groups, rows, channels] in chunks of wide rows; the last chunk of a group may end with a few
// plain rows.
struct Chunks {
  explicit Chunks(const Extent& e) : extent(e) {
    fold = std::min(narrow / std::max<std::int64_t>(e.channels, 1), e.rows);
    fold = std::max<std::int64_t>(fold, 1);
    columns = fold * e.channels;
    const std::int64_t wide_rows = chunk_values / std::max<std::int64_t>(columns, 1);
    rows = std::max<std::int64_t>(8, wide_rows) * fold;
    per_group = (e.rows + rows - 1) / rows;
  }

  Extent extent;
  std::int64_t fold;       // rows of x in a wide row
  std::int64_t columns;    // values in a wide row
  std::int64_t rows;       // rows of x in a chunk
  std::int64_t per_group;  // chunks in a group

  // Calls body(chunk, group, offset into x, rows, columns) in parallel over chunks: once for the
  // wide rows of a chunk and once for the rest, if there is any.
  template <class Body>
  void for_each(Body body) const {
    parallel_for(0, extent.groups * per_group, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk) {
        const std::int64_t group = chunk / per_group;
        const std::int64_t first = chunk % per_group * rows;
        const std::int64_t count = std::min(rows, extent.rows - first);
        const std::int64_t offset = (group * extent.rows + first) * extent.channels;
        const std::int64_t wide = count / fold, rest = count % fold;
        body(chunk, group, offset, wide, columns);
        if (rest > 0) body(chunk, group, offset + wide * columns, rest, extent.channels);
      }
    });
  }

  // Coefficients [groups, channels] repeated for wide rows: [groups, columns].
  template <class R>
  std::vector<R> widen(const R* values) const {
    std::vector<R> wide(static_cast<std::size_t>(extent.groups * columns));
    auto out = wide.begin();
    for (std::int64_t group = 0; group < extent.groups; ++group, values += extent.channels)
      for (std::int64_t i = 0; i < fold; ++i) out = std::copy_n(values, extent.channels, out);
    return wide;
  }

  // first, second [groups, channels] = what `body(group, offset, rows, columns, a, b)` adds to a
  // and b [columns], over all chunks.
  template <class Body>
  void sum(Body body, double* first, double* second) const {
    Tensor sums = zeros({extent.groups * per_group, 2, columns}, {.dtype = DType::f64});
    auto* partials = sums.mutable_data<double>();
    for_each([&](std::int64_t chunk, std::int64_t group, std::int64_t offset, std::int64_t count,
                 std::int64_t width) {
      double* partial = partials + chunk * 2 * columns;
      body(group, offset, count, width, partial, partial + columns);
    });
    std::fill_n(first, extent.groups * extent.channels, 0.0);
    std::fill_n(second, extent.groups * extent.channels, 0.0);
    const double* partial = partials;
    for (std::int64_t chunk = 0; chunk < extent.groups * per_group; ++chunk) {
      const std::int64_t base = chunk / per_group * extent.channels;
      for (double* total : {first, second})
        for (std::int64_t i = 0; i < fold; ++i)
          for (std::int64_t c = 0; c < extent.channels; ++c) total[base + c] += *partial++;
    }
  }
};

template <class R>
void moments(const Extent& extent, const R* x, const R* origin, double* sum, double* square) {
  const Chunks chunks(extent);
  const std::vector<R> wide_origin = chunks.widen(origin);
  chunks.sum(
      [&](std::int64_t group, std::int64_t offset, std::int64_t rows, std::int64_t columns,
          double* a, double* b) {
        const R* at = wide_origin.data() + group * chunks.columns;
        kernels<R>().moments(x + offset, rows, columns, at, a, b);
      },
      sum, square);
}

template <class R>
void gradient_sums(const Extent& extent, const R* g, const R* x, const R* centre, double* sum_grad,
                   double* sum_grad_x) {
  const Chunks chunks(extent);
  const std::vector<R> wide_centre = chunks.widen(centre);
  chunks.sum(
      [&](std::int64_t group, std::int64_t offset, std::int64_t rows, std::int64_t columns,
          double* a, double* b) {
        const R* at = wide_centre.data() + group * chunks.columns;
        kernels<R>().gradient_sums(g + offset, x + offset, rows, columns, at, a, b);
      },
      sum_grad, sum_grad_x);
}

template <class R>
void affine(const Extent& extent, const R* x, const R* scale, const R* shift, R* y) {
  const Chunks chunks(extent);
  const std::vector<R> wide_scale = chunks.widen(scale), wide_shift = chunks.widen(shift);
  chunks.for_each([&](std::int64_t, std::int64_t group, std::int64_t offset, std::int64_t rows,
                      std::int64_t columns) {
    const std::int64_t at = group * chunks.columns;
    kernels<R>().affine(x + offset, rows, columns, wide_scale.data() + at, wide_shift.data() + at,
                        y + offset);
  });
}

template <class R>
void gradient(const Extent& extent, const R* g, const R* x, const R* scale, const R* slope,
              const R* centre, const R* offset, R* gx) {
  const Chunks chunks(extent);
  const std::vector<R> a = chunks.widen(scale), b = chunks.widen(slope);
  const std::vector<R> c = chunks.widen(centre), d = chunks.widen(offset);
  chunks.for_each([&](std::int64_t, std::int64_t group, std::int64_t begin, std::int64_t rows,
                      std::int64_t columns) {
    const std::int64_t at = group * chunks.columns;
    kernels<R>().gradient(g + begin, x + begin, rows, columns, a.data() + at, b.data() + at,
                          c.data() + at, d.data() + at, gx + begin);
  });
}

void statistics_cpu(const Tensor& x, BatchStatistics& statistics) {
  const Extent extent(x, statistics.mean.size(0));
  visit(x.dtype(), [&]<class R>(Type<R>) {
    // Shifting by a value of the channel keeps the square of the mean from drowning the variance.
    // What is left in f32 is an error of 2^-24 times the squared distance of that value from the
    // mean.
    const R* values = x.data<R>();
    std::vector<R> origin;
    for (std::int64_t group = 0; group < extent.groups; ++group)
      origin.insert(origin.end(), values + group * extent.rows * extent.channels,
                    values + (group * extent.rows + 1) * extent.channels);
    double* mean = statistics.mean.mutable_data<double>();
    double* variance = statistics.variance.mutable_data<double>();
    moments(extent, values, origin.data(), mean, variance);
    for (std::size_t i = 0; i < origin.size(); ++i) {
      const Moments of = moments_of(static_cast<double>(origin[i]), mean[i], variance[i],
                                    static_cast<double>(extent.rows));
      mean[i] = of.mean;
      variance[i] = of.variance;
    }
  });
}

void running_cpu(const RunningStatistics& running, const BatchStatistics& statistics,
                 double momentum) {
  const auto count = static_cast<double>(statistics.count);
  const double* mean = statistics.mean.data<double>();
  const double* variance = statistics.variance.data<double>();
  visit(running.mean.dtype(), [&]<class R>(Type<R>) {
    R* running_mean = Tensor(running.mean).mutable_data<R>();
    R* running_variance = Tensor(running.variance).mutable_data<R>();
    const std::int64_t channels = running.mean.numel();
    for (std::int64_t i = 0; i < statistics.mean.numel(); ++i) {
      const std::int64_t c = i % channels;
      running_mean[c] = moved(running_mean[c], mean[i], momentum);
      running_variance[c] = moved(running_variance[c], unbiased(variance[i], count), momentum);
    }
  });
}

/// gamma or beta as f64, or what an undefined one stands for.
std::vector<double> values_or(const Tensor& tensor, double otherwise, std::int64_t channels) {
  return tensor.defined() ? to_vector(tensor)
                          : std::vector<double>(static_cast<std::size_t>(channels), otherwise);
}

/// The moments that were taken of x, number i of [groups, channels].
Moments at(const BatchStatistics& statistics, std::int64_t i) {
  return {statistics.mean.data<double>()[i], statistics.variance.data<double>()[i]};
}

void affine_cpu(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta,
                double eps, BatchAffine& result) {
  const Shape& shape = statistics.mean.shape();
  const std::vector<double> gammas = values_or(gamma, 1, shape[1]);
  const std::vector<double> betas = values_or(beta, 0, shape[1]);
  visit(result.scale.dtype(), [&]<class R>(Type<R>) {
    R* scale = result.scale.mutable_data<R>();
    R* shift = result.shift.mutable_data<R>();
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const auto c = static_cast<std::size_t>(i % shape[1]);
      const auto of = scale_shift<R>(at(statistics, i), gammas[c], betas[c], eps);
      scale[i] = of.scale;
      shift[i] = of.shift;
    }
  });
}

void normalisation_cpu(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                       const RunningStatistics& running, double momentum, Normalisation& result) {
  statistics_cpu(x, result.statistics);
  if (running.defined()) running_cpu(running, result.statistics, momentum);
  affine_cpu(result.statistics, gamma, beta, result.eps, result.affine);
  result.centre = result.statistics.mean.to(x.dtype());
}

void apply_cpu(const Tensor& x, const BatchAffine& of, Tensor& y) {
  visit(x.dtype(), [&]<class R>(Type<R>) {
    affine(Extent(x, of.scale.size(0)), x.data<R>(), of.scale.data<R>(), of.shift.data<R>(),
           y.mutable_data<R>());
  });
}

GradientSums sums_cpu(const Tensor& grad, const Tensor& x, const Tensor& centre) {
  const TensorOptions f64{.dtype = DType::f64};
  GradientSums sums{empty(centre.shape(), f64), empty(centre.shape(), f64), {}};
  visit(x.dtype(), [&]<class R>(Type<R>) {
    gradient_sums(Extent(x, centre.size(0)), grad.data<R>(), x.data<R>(), centre.data<R>(),
                  sums.grad.mutable_data<double>(), sums.grad_x.mutable_data<double>());
  });
  return sums;
}

void gradient_cpu(const Normalisation& of, const GradientSums& sums, const Tensor& gamma,
                  Gradient& result) {
  const Shape& shape = of.centre.shape();
  std::vector<double> grad_gamma(static_cast<std::size_t>(shape[1])), grad_beta = grad_gamma;
  const std::vector<double> gammas = values_or(gamma, 1, shape[1]);
  visit(result.scale.dtype(), [&]<class R>(Type<R>) {
    R* scale = result.scale.mutable_data<R>();
    R* slope = result.slope.mutable_data<R>();
    R* offset = result.offset.mutable_data<R>();
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const auto c = static_cast<std::size_t>(i % shape[1]);
      const auto parts =
          gradient_parts(at(of.statistics, i), of.centre.data<R>()[i], sums.grad.data<double>()[i],
                         sums.grad_x.data<double>()[i], gammas[c], of.eps,
                         static_cast<double>(of.statistics.count));
      grad_gamma[c] += parts.gamma;
      grad_beta[c] += parts.beta;
      scale[i] = parts.scale;
      slope[i] = parts.slope;
      offset[i] = parts.offset;
    }
    std::copy(grad_gamma.begin(), grad_gamma.end(), result.gamma.mutable_data<R>());
    std::copy(grad_beta.begin(), grad_beta.end(), result.beta.mutable_data<R>());
  });
}

void input_gradient_cpu(const Tensor& grad, const Tensor& x, const Normalisation& of,
                        const Gradient& by, Tensor& grad_x) {
  visit(x.dtype(), [&]<class R>(Type<R>) {
    const Extent extent(x, by.scale.size(0));
    R* out = grad_x.mutable_data<R>();
    if (of.statistics.count > 0)
      gradient(extent, grad.data<R>(), x.data<R>(), by.scale.data<R>(), by.slope.data<R>(),
               of.centre.data<R>(), by.offset.data<R>(), out);
    else
      affine(extent, grad.data<R>(), by.scale.data<R>(), by.offset.data<R>(), out);
  });
}

}  // namespace

constinit DeviceKernels<StatisticsKernel> statistics_kernels{.cpu = statistics_cpu};
constinit DeviceKernels<AffineKernel> affine_kernels{.cpu = affine_cpu};
constinit DeviceKernels<RunningKernel> running_kernels{.cpu = running_cpu};
constinit DeviceKernels<NormalisationKernel> normalisation_kernels{.cpu = normalisation_cpu};
constinit DeviceKernels<ApplyKernel> apply_kernels{.cpu = apply_cpu};
constinit DeviceKernels<SumsKernel> sums_kernels{.cpu = sums_cpu};
constinit DeviceKernels<GradientKernel> gradient_kernels{.cpu = gradient_cpu};
constinit DeviceKernels<InputGradientKernel> input_gradient_kernels{.cpu = input_gradient_cpu};

}  // namespace ranvier::norm
