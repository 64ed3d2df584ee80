#include "ranvier/ops/norm/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/norm/detail/batch_norm_kernels.h"

namespace ranvier {
namespace {

using detail::Type;

template <class Body>
decltype(auto) visit(DType dtype, Body&& body) {
  return detail::visit_real("batch_norm", dtype, std::forward<Body>(body));
}

norm::Extent extent_of(const Tensor& x, std::int64_t groups) {
  const std::int64_t rows = x.shape().sub(0, x.rank() - 1).numel();
  return {groups, groups == 0 ? 0 : rows / groups, x.size(-1)};
}

std::int64_t groups_of(const Tensor& coefficients) { return coefficients.size(0); }

/// gamma or beta as f64, or what an undefined one stands for.
std::vector<double> values_or(const Tensor& tensor, double otherwise, std::int64_t channels) {
  return tensor.defined() ? to_vector(tensor)
                          : std::vector<double>(static_cast<std::size_t>(channels), otherwise);
}

void check_channels(const char* what, const Tensor& tensor, const Tensor& x) {
  RV_CHECK(tensor.shape() == Shape{x.size(-1)} && tensor.dtype() == x.dtype(),
           "[batch_norm] {} must be {} ({},) for x {}; got {} {}.", what, x.dtype(), x.size(-1),
           x.shape(), tensor.dtype(), tensor.shape());
}

bool uses_batch(const BatchNormOptions& options) {
  return options.training && options.mode != BatchNormMode::frozen;
}

void check_arguments(const Tensor& x, const RunningStatistics& running,
                     const BatchNormOptions& options) {
  RV_CHECK(x.rank() >= 1, "[batch_norm] x needs a channel axis; got shape {}.", x.shape());
  visit(x.dtype(), [](auto) {});
  RV_CHECK(options.eps > 0, "[batch_norm] eps must be > 0; got {}.", options.eps);
  RV_CHECK(options.momentum >= 0 && options.momentum <= 1,
           "[batch_norm] momentum must be in [0, 1]; got {}.", options.momentum);
  if (running.defined()) {
    check_channels("the running mean", running.mean, x);
    check_channels("the running variance", running.variance, x);
  }
  if (!uses_batch(options)) {
    RV_CHECK(running.defined(), "[batch_norm] needs running statistics unless it is training.");
    return;
  }
  const bool step = options.mode == BatchNormMode::step;
  RV_CHECK(!step || (x.rank() >= 2 && x.size(0) >= 1),
           "[batch_norm] step mode needs x [T, ..., C] with T >= 1; got {}.", x.shape());
  const std::int64_t count = extent_of(x, step ? x.size(0) : 1).rows;
  RV_CHECK(count >= 2, "[batch_norm] training needs at least 2 values per channel{}; got x {}.",
           step ? " and step" : "", x.shape());
}

/// Moves `running` towards each group's statistics in turn.
void update_running(const RunningStatistics& running, const BatchStatistics& statistics,
                    double momentum) {
  const auto count = static_cast<double>(statistics.count);
  const double bessel = count / (count - 1);
  const double* mean = statistics.mean.data<double>();
  const double* variance = statistics.variance.data<double>();
  visit(running.mean.dtype(), [&]<class R>(Type<R>) {
    R* running_mean = Tensor(running.mean).mutable_data<R>();
    R* running_variance = Tensor(running.variance).mutable_data<R>();
    const std::int64_t channels = running.mean.numel();
    for (std::int64_t i = 0; i < statistics.mean.numel(); ++i) {
      const std::int64_t c = i % channels;
      const double unbiased = variance[i] * bessel;
      running_mean[c] = static_cast<R>((1 - momentum) * running_mean[c] + momentum * mean[i]);
      running_variance[c] =
          static_cast<R>((1 - momentum) * running_variance[c] + momentum * unbiased);
    }
  });
}

BatchStatistics running_as_batch(const RunningStatistics& running) {
  const Shape one_group{1, running.mean.numel()};
  return {from_vector(to_vector(running.mean), one_group),
          from_vector(to_vector(running.variance), one_group), 0};
}

BatchNormSums gradient_sums(const Tensor& grad, const Tensor& x, const BatchStatistics& of) {
  BatchNormSums sums{empty_like(of.mean), empty_like(of.mean)};
  visit(x.dtype(), [&]<class R>(Type<R>) {
    norm::gradient_sums(extent_of(x, groups_of(of.mean)), grad.data<R>(), x.data<R>(),
                        of.mean.to(dtype_of<R>).template data<R>(),
                        sums.grad.mutable_data<double>(), sums.grad_x.mutable_data<double>());
  });
  return sums;
}

Tensor input_gradient(const Tensor& grad, const Tensor& x, const BatchNormGradient& of,
                      bool from_batch) {
  Tensor result = empty_like(x);
  visit(x.dtype(), [&]<class R>(Type<R>) {
    const norm::Extent extent = extent_of(x, groups_of(of.scale));
    R* out = result.mutable_data<R>();
    if (from_batch)
      norm::gradient(extent, grad.data<R>(), x.data<R>(), of.scale.data<R>(), of.slope.data<R>(),
                     of.centre.data<R>(), of.offset.data<R>(), out);
    else
      norm::affine(extent, grad.data<R>(), of.scale.data<R>(), of.offset.data<R>(), out);
  });
  return result;
}

struct BatchNormBackward final : Node {
  Saved x, gamma;
  BatchStatistics statistics;
  double eps = 0;

  const char* name() const override { return "BatchNormBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& grad = grads[0];
    const BatchNormSums sums = gradient_sums(grad, x.get(), statistics);
    BatchNormGradient gradient =
        batch_norm_gradient(statistics, sums, gamma.get(), eps, x.get().dtype());
    return {needs(0) ? input_gradient(grad, x.get(), gradient, statistics.count > 0) : Tensor(),
            gradient.gamma, gradient.beta};
  }
  void release() override {
    x.reset();
    gamma.reset();
  }
};

}  // namespace

BatchStatistics batch_statistics(const Tensor& x, std::int64_t groups) {
  RV_CHECK(x.rank() >= 1, "[batch_statistics] x needs a channel axis; got shape {}.", x.shape());
  RV_CHECK(groups == 1 || (groups > 1 && x.rank() >= 2 && x.size(0) % groups == 0),
           "[batch_statistics] groups must divide the first axis of x {}; got {}.", x.shape(),
           groups);
  const norm::Extent extent = extent_of(x, groups);
  RV_CHECK(extent.rows >= 1, "[batch_statistics] no values per channel in x {}.", x.shape());
  const Shape shape{groups, extent.channels};
  BatchStatistics result{empty(shape, {.dtype = DType::f64}), empty(shape, {.dtype = DType::f64}),
                         extent.rows};
  detail::visit_real("batch_statistics", x.dtype(), [&]<class R>(Type<R>) {
    // Shifting by a value of the channel keeps the square of the mean from drowning the variance.
    const R* values = x.data<R>();
    std::vector<R> origin;
    for (std::int64_t group = 0; group < groups; ++group)
      origin.insert(origin.end(), values + group * extent.rows * extent.channels,
                    values + (group * extent.rows + 1) * extent.channels);
    double* mean = result.mean.mutable_data<double>();
    double* variance = result.variance.mutable_data<double>();
    norm::moments(extent, values, origin.data(), mean, variance);
    const auto count = static_cast<double>(extent.rows);
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const double shifted = mean[i] / count;
      variance[i] = std::max(variance[i] / count - shifted * shifted, 0.0);
      mean[i] = static_cast<double>(origin[static_cast<std::size_t>(i)]) + shifted;
    }
  });
  return result;
}

BatchStatistics batch_norm_statistics(const Tensor& x, const RunningStatistics& running,
                                      const BatchNormOptions& options) {
  check_arguments(x, running, options);
  if (!uses_batch(options)) return running_as_batch(running);
  const BatchStatistics statistics =
      batch_statistics(x, options.mode == BatchNormMode::step ? x.size(0) : 1);
  if (running.defined()) update_running(running, statistics, options.momentum);
  return statistics;
}

BatchAffine batch_affine(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta,
                         double eps, DType dtype) {
  const Shape& shape = statistics.mean.shape();
  const std::vector<double> gammas = values_or(gamma, 1, shape[1]);
  const std::vector<double> betas = values_or(beta, 0, shape[1]);
  BatchAffine result{empty(shape, {.dtype = dtype}), empty(shape, {.dtype = dtype})};
  visit(dtype, [&]<class R>(Type<R>) {
    const double* mean = statistics.mean.data<double>();
    const double* variance = statistics.variance.data<double>();
    R* scale = result.scale.mutable_data<R>();
    R* shift = result.shift.mutable_data<R>();
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const auto c = static_cast<std::size_t>(i % shape[1]);
      scale[i] = static_cast<R>(gammas[c] / std::sqrt(variance[i] + eps));
      // From the rounded scale: the rounding of a large mean's product then cancels in the sum.
      shift[i] = static_cast<R>(betas[c] - mean[i] * static_cast<double>(scale[i]));
    }
  });
  return result;
}

Tensor apply_batch_affine(const Tensor& x, const BatchAffine& affine) {
  Tensor result = empty_like(x);
  visit(x.dtype(), [&]<class R>(Type<R>) {
    norm::affine(extent_of(x, groups_of(affine.scale)), x.data<R>(), affine.scale.data<R>(),
                 affine.shift.data<R>(), result.mutable_data<R>());
  });
  return result;
}

BatchNormGradient batch_norm_gradient(const BatchStatistics& statistics, const BatchNormSums& sums,
                                      const Tensor& gamma, double eps, DType dtype) {
  const Shape& shape = statistics.mean.shape();
  const TensorOptions options{.dtype = dtype};
  BatchNormGradient result{{},
                           {},
                           empty(shape, options),
                           zeros(shape, options),
                           statistics.mean.to(dtype),
                           zeros(shape, options)};
  std::vector<double> grad_gamma(static_cast<std::size_t>(shape[1])), grad_beta = grad_gamma;
  const std::vector<double> gammas = values_or(gamma, 1, shape[1]);
  const double* mean = statistics.mean.data<double>();
  const double* variance = statistics.variance.data<double>();
  const double* sum_grad = sums.grad.data<double>();
  const double* sum_grad_x = sums.grad_x.data<double>();
  visit(dtype, [&]<class R>(Type<R>) {
    R* scale = result.scale.mutable_data<R>();
    R* slope = result.slope.mutable_data<R>();
    R* offset = result.offset.mutable_data<R>();
    const R* centre = result.centre.data<R>();
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const auto c = static_cast<std::size_t>(i % shape[1]);
      const double inverse = 1 / std::sqrt(variance[i] + eps);
      const double off_centre = static_cast<double>(centre[i]) - mean[i];
      // The sum of g (x - mean) / sqrt(variance + eps), whose mean times that factor is the part
      // of g that only widens or narrows the batch.
      const double sum_normalised = (sum_grad_x[i] + off_centre * sum_grad[i]) * inverse;
      grad_gamma[c] += sum_normalised;
      grad_beta[c] += sum_grad[i];
      const double factor = gammas[c] * inverse;
      scale[i] = static_cast<R>(factor);
      if (statistics.count == 0) continue;
      const auto count = static_cast<double>(statistics.count);
      const double widening = -factor * inverse * sum_normalised / count;
      slope[i] = static_cast<R>(widening);
      offset[i] = static_cast<R>(widening * off_centre - factor * sum_grad[i] / count);
    }
  });
  result.gamma = from_vector(grad_gamma, {shape[1]}).to(dtype);
  result.beta = from_vector(grad_beta, {shape[1]}).to(dtype);
  return result;
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                  const RunningStatistics& running, const BatchNormOptions& options) {
  check_arguments(x, running, options);
  if (gamma.defined()) check_channels("gamma", gamma, x);
  if (beta.defined()) check_channels("beta", beta, x);
  const BatchStatistics statistics = batch_norm_statistics(x, running, options);
  Tensor result =
      apply_batch_affine(x, batch_affine(statistics, gamma, beta, options.eps, x.dtype()));
  if (grad_needed({x, gamma, beta})) {
    auto node = std::make_shared<BatchNormBackward>();
    node->x = x;
    node->gamma = gamma;
    node->statistics = statistics;
    node->eps = options.eps;
    attach(std::move(node), {x, gamma, beta}, {result});
  }
  return result;
}

}  // namespace ranvier
