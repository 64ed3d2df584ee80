#include "ranvier/ops/norm/batch_norm.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"

namespace ranvier {
namespace {

constexpr const char* op = "batch_norm";

void check_channels(const char* what, const Tensor& tensor, const Tensor& x) {
  const DType dtype = detail::computed_dtype(x.dtype());
  RV_CHECK(tensor.shape() == Shape{x.size(-1)} && tensor.dtype() == dtype,
           "[batch_norm] {} must be {} ({},) for x {}; got {} {}.", what, dtype, x.size(-1),
           x.shape(), tensor.dtype(), tensor.shape());
  if (tensor.device() != x.device())
    fail(ErrorCode::device, "[batch_norm] {} is on {} and x on {}; all must be on one device.",
         what, tensor.device(), x.device());
}

bool uses_batch(const BatchNormOptions& options) {
  return options.training && options.mode != BatchNormMode::frozen;
}

/// Of `count` values behind each mean, over all ranks.
void check_count(std::int64_t count, const Tensor& x, const BatchNormOptions& options) {
  RV_CHECK(count >= 2, "[batch_norm] training needs at least 2 values per channel{}; got x {}.",
           options.mode == BatchNormMode::step ? " and step" : "", x.shape());
}

void check_arguments(const Tensor& x, const RunningStatistics& running,
                     const BatchNormOptions& options) {
  RV_CHECK(x.rank() >= 1, "[batch_norm] x needs a channel axis; got shape {}.", x.shape());
  detail::visit_floating(op, x.dtype(), [](auto) {});
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
  if (!options.ranks) check_count(norm::Extent(x, step ? x.size(0) : 1).rows, x, options);
}

/// An array of one group, in f64 and of its own.
Tensor one_group(const Tensor& running) {
  const Tensor values =
      running.dtype() == DType::f64 ? clone(running) : running.detach().to(DType::f64);
  return {values.storage(), values.storage_offset(), Shape{1, running.numel()}, DType::f64};
}

/// Array i of `stacked`, a view.
Tensor part_of(const Tensor& all, std::int64_t i) {
  const Shape shape{all.size(1), all.size(2)};
  const auto bytes = static_cast<std::int64_t>(sizeof(double));
  return {all.storage(), all.storage_offset() + i * shape.numel() * bytes, shape, DType::f64};
}

/// Arrays [...] of f64, one after the other: [2, ...].
Tensor stacked(const Tensor& first, const Tensor& second) {
  Tensor all =
      empty({2, first.size(0), first.size(1)}, {.dtype = DType::f64, .device = first.device()});
  Tensor front = part_of(all, 0), back = part_of(all, 1);
  copy_into(front, first);
  copy_into(back, second);
  return all;
}

/// The statistics of all ranks' values from those of this one's, of which nothing is read: a
/// recorded step may contain it. Sums of f64 values and squares: their rounding is below that of
/// f32 statistics as long as the mean is less than 10^4 deviations.
BatchStatistics over_ranks(const BatchStatistics& own, BatchNormRanks& ranks) {
  if (ranks.count() == 1) return own;
  const auto of_own = static_cast<double>(own.count);
  Tensor sums = stacked(mul(own.mean, of_own), mul(add(own.variance, square(own.mean)), of_own));
  ranks.add_up(sums);
  const std::int64_t count = ranks.values_of_all(own.count);
  const Tensor means = div(sums, static_cast<double>(count)), mean = part_of(means, 0);
  return {mean, relu(sub(part_of(means, 1), square(mean))), count};
}

/// Of x whose parts several ranks hold.
norm::Normalisation shared_normalisation(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                         const RunningStatistics& running,
                                         const BatchNormOptions& options, std::int64_t groups) {
  const BatchStatistics all = over_ranks(batch_statistics(x, groups), *options.ranks);
  check_count(all.count, x, options);
  if (running.defined()) options.ranks->move_running(running, all, options.momentum);
  const DType dtype = detail::computed_dtype(x.dtype());
  return {all, all.mean.to(dtype), batch_affine(all, gamma, beta, options.eps, dtype), options.eps,
          options.ranks};
}

struct BatchNormBackward final : Node {
  Saved x, gamma;
  norm::Normalisation of;

  const char* name() const override { return "BatchNormBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& grad = grads[0];
    const Device device = grad.device();
    const norm::GradientSums sums =
        kernel_for(op, device, norm::sums_kernels)(grad, x.get(), of.centre);
    norm::Gradient gradient = norm::gradient(of, sums, gamma.get());
    Tensor grad_x = needs(0) ? empty_like(x.get()) : Tensor();
    if (needs(0))
      kernel_for(op, device, norm::input_gradient_kernels)(grad, x.get(), of, gradient, grad_x);
    return {grad_x, gradient.gamma, gradient.beta};
  }
  void release() override {
    x.reset();
    gamma.reset();
  }
};

}  // namespace

void BatchNormRanks::move_running(const RunningStatistics& running,
                                  const BatchStatistics& statistics, double momentum) {
  ranvier::move_running(running, statistics, momentum);
}

void move_running(const RunningStatistics& running, const BatchStatistics& statistics,
                  double momentum) {
  kernel_for(op, running.mean.device(), norm::running_kernels)(running, statistics, momentum);
}

BatchStatistics batch_statistics(const Tensor& x, std::int64_t groups) {
  RV_CHECK(x.rank() >= 1, "[batch_statistics] x needs a channel axis; got shape {}.", x.shape());
  RV_CHECK(groups == 1 || (groups > 1 && x.rank() >= 2 && x.size(0) % groups == 0),
           "[batch_statistics] groups must divide the first axis of x {}; got {}.", x.shape(),
           groups);
  const norm::Extent extent(x, groups);
  RV_CHECK(extent.rows >= 1, "[batch_statistics] no values per channel in x {}.", x.shape());
  detail::visit_floating("batch_statistics", x.dtype(), [](auto) {});
  if (only_stored(x)) return batch_statistics(widened(x), groups);
  const TensorOptions f64{.dtype = DType::f64, .device = x.device()};
  const Shape shape{groups, extent.channels};
  BatchStatistics result{empty(shape, f64), empty(shape, f64), extent.rows};
  kernel_for("batch_statistics", x.device(), norm::statistics_kernels)(x, result);
  return result;
}

BatchAffine batch_affine(const BatchStatistics& statistics, const Tensor& gamma, const Tensor& beta,
                         double eps, DType dtype) {
  const TensorOptions like{.dtype = dtype, .device = statistics.mean.device()};
  BatchAffine result{empty(statistics.mean.shape(), like), empty(statistics.mean.shape(), like)};
  kernel_for(op, like.device, norm::affine_kernels)(statistics, gamma, beta, eps, result);
  return result;
}

Tensor apply_batch_affine(const Tensor& x, const BatchAffine& affine) {
  if (only_stored(x)) return apply_batch_affine(widened(x.detach()), affine).to(x.dtype());
  Tensor result = empty_like(x);
  kernel_for(op, x.device(), norm::apply_kernels)(x, affine, result);
  return result;
}

norm::Normalisation norm::normalisation(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                        const RunningStatistics& running,
                                        const BatchNormOptions& options) {
  check_arguments(x, running, options);
  if (gamma.defined()) check_channels("gamma", gamma, x);
  if (beta.defined()) check_channels("beta", beta, x);
  const DType dtype = detail::computed_dtype(x.dtype());
  if (!uses_batch(options)) {
    const BatchStatistics statistics{one_group(running.mean), one_group(running.variance), 0};
    return {statistics, statistics.mean.to(dtype),
            batch_affine(statistics, gamma, beta, options.eps, dtype), options.eps};
  }
  const Extent extent(x, options.mode == BatchNormMode::step ? x.size(0) : 1);
  if (options.ranks) return shared_normalisation(x, gamma, beta, running, options, extent.groups);
  const Shape shape{extent.groups, extent.channels};
  const TensorOptions f64{.dtype = DType::f64, .device = x.device()};
  const TensorOptions like{.dtype = dtype, .device = x.device()};
  Normalisation result{{empty(shape, f64), empty(shape, f64), extent.rows},
                       empty(shape, like),
                       {empty(shape, like), empty(shape, like)},
                       options.eps};
  kernel_for(op, x.device(), normalisation_kernels)(x, gamma, beta, running, options.momentum,
                                                    result);
  return result;
}

namespace {

norm::Gradient gradient_from(const norm::Normalisation& of, const norm::GradientSums& sums,
                             const Tensor& gamma) {
  const Shape& shape = of.centre.shape();
  const TensorOptions like{.dtype = of.centre.dtype(), .device = of.centre.device()};
  norm::Gradient result{empty({shape[1]}, like), empty({shape[1]}, like), empty(shape, like),
                        empty(shape, like), empty(shape, like)};
  kernel_for(op, like.device, norm::gradient_kernels)(of, sums, gamma, result);
  return result;
}

/// `sums` of this rank, added up over all that share x.
norm::GradientSums over_ranks(const norm::GradientSums& sums, BatchNormRanks& ranks) {
  if (sums.partials.defined()) {
    Tensor all = sum(sums.partials, {1}, {.keepdim = true});
    ranks.add_up(all);
    return {{}, {}, all};
  }
  Tensor all = stacked(sums.grad, sums.grad_x);
  ranks.add_up(all);
  return {part_of(all, 0), part_of(all, 1), {}};
}

}  // namespace

norm::Gradient norm::gradient(const Normalisation& of, const GradientSums& sums,
                              const Tensor& gamma) {
  const Gradient own = gradient_from(of, sums, gamma);
  if (!of.ranks || of.ranks->count() == 1) return own;
  const Gradient all = gradient_from(of, over_ranks(sums, *of.ranks), gamma);
  return {own.gamma, own.beta, all.scale, all.slope, all.offset};
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                  const RunningStatistics& running, const BatchNormOptions& options) {
  const OperationScope operation("batch_norm");
  if (only_stored(x)) return batch_norm(widened(x), gamma, beta, running, options).to(x.dtype());
  norm::Normalisation of = norm::normalisation(x, gamma, beta, running, options);
  Tensor result = apply_batch_affine(x, of.affine);
  if (grad_needed({x, gamma, beta})) {
    auto node = std::make_shared<BatchNormBackward>();
    node->x = x;
    node->gamma = gamma;
    node->of = std::move(of);
    attach(std::move(node), {x, gamma, beta}, {result});
  }
  return result;
}

}  // namespace ranvier
