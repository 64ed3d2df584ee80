#include "ranvier/optim/clip.h"

#include <cmath>

#include "ranvier/core/parallel.h"
#include "ranvier/optim/detail/distinct.h"
#include "ranvier/optim/detail/kernels.h"

namespace ranvier {
namespace {

double sum_of_squares(const Tensor& grad) {
  const auto* values = grad.data<float>();
  return ordered_sum(grad.numel(), [&](std::int64_t begin, std::int64_t end) {
    return optim::kernels().sum_of_squares(values + begin, end - begin);
  });
}

/// Calls `body(values, count)` on ranges that cover every gradient.
template <class Body>
void for_each_gradient(const NamedTensors& parameters, Body body) {
  for (const auto& [name, tensor] : optim::distinct(parameters)) {
    Tensor grad = tensor.grad();
    if (!grad.defined()) continue;
    auto* values = grad.mutable_data<float>();
    parallel_for(0, grad.numel(), optim::grain,
                 [&](std::int64_t begin, std::int64_t end) { body(values + begin, end - begin); });
  }
}

}  // namespace

double grad_norm(const NamedTensors& parameters) {
  double total = 0;
  for (const auto& [name, tensor] : optim::distinct(parameters)) {
    if (!tensor.grad().defined()) continue;
    const double sum = sum_of_squares(tensor.grad());
    if (!std::isfinite(sum))
      fail(ErrorCode::non_finite, "[grad_norm] the gradient of '{}' has a NaN or an infinity.",
           name);
    total += sum;
  }
  return std::sqrt(total);
}

double clip_grad_norm(const NamedTensors& parameters, double max_norm) {
  RV_CHECK(std::isfinite(max_norm) && max_norm > 0,
           "[clip_grad_norm] max_norm must be > 0 and finite; got {}.", max_norm);
  const double norm = grad_norm(parameters);
  const double factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return norm;
  for_each_gradient(parameters, [=](float* values, std::int64_t count) {
    optim::kernels().scale(static_cast<float>(factor), values, count);
  });
  return norm;
}

void clip_grad_value(const NamedTensors& parameters, double limit) {
  RV_CHECK(std::isfinite(limit) && limit > 0,
           "[clip_grad_value] limit must be > 0 and finite; got {}.", limit);
  for_each_gradient(parameters, [=](float* values, std::int64_t count) {
    optim::kernels().clamp(static_cast<float>(limit), values, count);
  });
}

}  // namespace ranvier
