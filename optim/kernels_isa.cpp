#include <cmath>

#include "ranvier/optim/detail/kernels.h"

namespace ranvier::optim::RV_ISA_NAMESPACE {
namespace {

void sgd(const SgdFactors& factors, const float* __restrict grad, float* __restrict w,
         std::int64_t count) {
  const SgdFactors f = factors;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) move_sgd(f, grad[i], w[i]);
}

template <bool nesterov>
void sgd_momentum(const SgdFactors& factors, const float* __restrict grad, float* __restrict w,
                  float* __restrict m, std::int64_t count) {
  const SgdFactors f = factors;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) move_sgd_momentum<nesterov>(f, grad[i], w[i], m[i]);
}

void adam(const AdamFactors& factors, const float* __restrict grad, float* __restrict w,
          float* __restrict m, float* __restrict v, std::int64_t count) {
  const AdamFactors f = factors;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) move_adam(f, grad[i], w[i], m[i], v[i]);
}

// Sixteen sums side by side, the same for vectors of any width.
double sum_of_squares(const float* __restrict x, std::int64_t count) {
  constexpr std::int64_t lanes = 16;
  double sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
#pragma omp simd
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const double value = x[i + lane];
      sums[lane] += value * value;
    }
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  for (; i < count; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

void scale(float factor, float* __restrict x, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

void clamp(float limit, float* __restrict x, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const float bounded = x[i] > limit ? limit : x[i];
    x[i] = bounded < -limit ? -limit : bounded;
  }
}

}  // namespace

const Kernels kernels{sgd,  sgd_momentum<false>, sgd_momentum<true>, adam, sum_of_squares, scale,
                      clamp};

}  // namespace ranvier::optim::RV_ISA_NAMESPACE
