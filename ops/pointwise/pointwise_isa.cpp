#include "ranvier/ops/pointwise/detail/kernels.h"

namespace ranvier::pointwise::RV_ISA_NAMESPACE {
namespace {

template <class F, class R>
void unary_value(const void* functor, const R* __restrict x, R* __restrict y, std::int64_t count) {
  const F f = *static_cast<const F*>(functor);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = f.value(x[i]);
}

template <class F, class R>
void unary_gradient(const void* functor, const R* __restrict g, const R* __restrict saved,
                    R* __restrict gx, std::int64_t count) {
  const F f = *static_cast<const F*>(functor);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (F::from == From::nothing)
      gx[i] = g[i] * static_cast<R>(f.derivative(R(0)));
    else
      gx[i] = g[i] * static_cast<R>(f.derivative(saved[i]));
  }
}

// y[i] = f(a of i, b of i), with a loop for each way to step, so that all of them vectorise.
template <class R, class F>
RV_HD void for_each_pair(const R* __restrict a, std::int64_t step_a, const R* __restrict b,
                         std::int64_t step_b, std::int64_t count, F f) {
  if (step_a != 0 && step_b != 0) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) f(i, a[i], b[i]);
  } else if (step_a != 0) {
    const R right = b == nullptr ? R(0) : *b;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) f(i, a[i], right);
  } else if (step_b != 0) {
    const R left = a == nullptr ? R(0) : *a;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) f(i, left, b[i]);
  } else {
    const R left = a == nullptr ? R(0) : *a, right = b == nullptr ? R(0) : *b;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) f(i, left, right);
  }
}

template <class F, class R>
void binary_value(const R* a, std::int64_t step_a, const R* b, std::int64_t step_b, R* __restrict y,
                  std::int64_t count) {
  for_each_pair(a, step_a, b, step_b, count,
                [y](std::int64_t i, R left, R right) { y[i] = F().value(left, right); });
}

template <class F, class R>
void binary_gradient_a(const R* __restrict g, const R* a, std::int64_t step_a, const R* b,
                       std::int64_t step_b, R* __restrict out, std::int64_t count) {
  for_each_pair(a, step_a, b, step_b, count, [g, out](std::int64_t i, R left, R right) {
    out[i] = g[i] * static_cast<R>(F().derivative_a(left, right));
  });
}

template <class F, class R>
void binary_gradient_b(const R* __restrict g, const R* a, std::int64_t step_a, const R* b,
                       std::int64_t step_b, R* __restrict out, std::int64_t count) {
  for_each_pair(a, step_a, b, step_b, count, [g, out](std::int64_t i, R left, R right) {
    out[i] = g[i] * static_cast<R>(F().derivative_b(left, right));
  });
}

}  // namespace

template <class F, class R>
UnaryKernels<R> unary_kernels() {
  return {unary_value<F, R>, unary_gradient<F, R>};
}

template <class F, class R>
BinaryKernels<R> binary_kernels() {
  return {binary_value<F, R>, binary_gradient_a<F, R>, binary_gradient_b<F, R>};
}

#define RV_UNARY(function, Functor)                      \
  template UnaryKernels<float> unary_kernels<Functor>(); \
  template UnaryKernels<double> unary_kernels<Functor>();
#define RV_SCALAR(Functor) RV_UNARY(, Functor)
#define RV_BINARY(function, Functor)                       \
  template BinaryKernels<float> binary_kernels<Functor>(); \
  template BinaryKernels<double> binary_kernels<Functor>();
#include "ranvier/ops/pointwise/detail/functions.def"

}  // namespace ranvier::pointwise::RV_ISA_NAMESPACE
