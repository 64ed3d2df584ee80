#include <cmath>

#include "ranvier/core/parallel.h"
#include "ranvier/optim/detail/clip_kernels.h"
#include "ranvier/optim/detail/kernels.h"

namespace ranvier::optim {
namespace {

void sums_of_squares(std::span<const Tensor> gradients, Tensor& sums) {
  auto* const out = sums.mutable_data<double>();
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const auto* const values = gradients[i].data<float>();
    out[i] = ordered_sum(gradients[i].numel(), [&](std::int64_t begin, std::int64_t end) {
      return kernels().sum_of_squares(values + begin, end - begin);
    });
  }
}

void norm(const Tensor& sums, Tensor& norm) {
  double total = 0;
  for (std::int64_t i = 0; i < sums.numel(); ++i) total += sums.data<double>()[i];
  *norm.mutable_data<double>() = std::sqrt(total);
}

// Calls `body(values, count)` on ranges that cover every gradient.
template <class Body>
void for_each_range(std::span<Tensor> gradients, const Body& body) {
  for (Tensor& gradient : gradients) {
    auto* const values = gradient.mutable_data<float>();
    parallel_for(0, gradient.numel(), grain,
                 [&](std::int64_t begin, std::int64_t end) { body(values + begin, end - begin); });
  }
}

void scale_to_norm(std::span<Tensor> gradients, const Tensor& norm, double max_norm) {
  const double factor = max_norm / (*norm.data<double>() + 1e-6);
  if (!(factor < 1) || factor == 0) return;  // 0: the norm is infinite
  for_each_range(gradients, [=](float* values, std::int64_t count) {
    kernels().scale(static_cast<float>(factor), values, count);
  });
}

void clamp(std::span<Tensor> gradients, float limit) {
  for_each_range(gradients,
                 [=](float* values, std::int64_t count) { kernels().clamp(limit, values, count); });
}

}  // namespace

constinit DeviceKernels<SumsOfSquaresKernel> sums_of_squares_kernels{.cpu = sums_of_squares};
constinit DeviceKernels<NormKernel> norm_kernels{.cpu = norm};
constinit DeviceKernels<ScaleToNormKernel> scale_to_norm_kernels{.cpu = scale_to_norm};
constinit DeviceKernels<ClampKernel> clamp_kernels{.cpu = clamp};

}  // namespace ranvier::optim
