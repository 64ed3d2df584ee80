#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/pointwise/detail/device_kernels.h"
#include "ranvier/ops/pointwise/detail/kernels.h"
#include "ranvier/ops/pointwise/detail/runs.h"

namespace ranvier::pointwise {
namespace {

using ranvier::detail::Type;
using ranvier::detail::visit_real;

constexpr std::int64_t grain = 1 << 14;

// --- one tensor ---------------------------------------------------------------------------------

template <class F, class R>
UnaryKernels<R> unary_kernels() {
  return pick_isa(isa_v2::unary_kernels<F, R>(), isa_v3::unary_kernels<F, R>(),
                  isa_v4::unary_kernels<F, R>());
}

template <class F>
void unary_value(const char* op, const F& f, const Tensor& x, Tensor& y) {
  visit_real(op, x.dtype(), [&]<class R>(Type<R>) {
    const auto kernel = unary_kernels<F, R>().value;
    const R* in = x.data<R>();
    R* out = y.mutable_data<R>();
    parallel_for(0, x.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      kernel(&f, in + begin, out + begin, end - begin);
    });
  });
}

template <class F>
void unary_gradient(const char* op, const F& f, const Tensor& grad, const Tensor& saved,
                    Tensor& gx) {
  visit_real(op, grad.dtype(), [&]<class R>(Type<R>) {
    const auto kernel = unary_kernels<F, R>().gradient;
    const R* g = grad.data<R>();
    const R* s = saved.defined() ? saved.data<R>() : g;
    R* out = gx.mutable_data<R>();
    parallel_for(0, grad.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      kernel(&f, g + begin, s + begin, out + begin, end - begin);
    });
  });
}

// --- two tensors --------------------------------------------------------------------------------

template <class F, class R>
BinaryKernels<R> binary_kernels() {
  return pick_isa(isa_v2::binary_kernels<F, R>(), isa_v3::binary_kernels<F, R>(),
                  isa_v4::binary_kernels<F, R>());
}

template <class F>
void binary_value(const char* op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_real(op, y.dtype(), [&]<class R>(Type<R>) {
    const auto kernel = binary_kernels<F, R>().value;
    const Runs runs(a.shape(), b.shape(), y.shape());
    const R* left = a.data<R>();
    const R* right = b.data<R>();
    R* out = y.mutable_data<R>();
    parallel_for(0, y.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      runs.for_each(begin, end,
                    [&](std::int64_t at_a, std::int64_t at_b, std::int64_t at, std::int64_t count) {
                      kernel(left + at_a, runs.step_a(), right + at_b, runs.step_b(), out + at,
                             count);
                    });
    });
  });
}

template <class F, bool by_a>
void binary_gradient(const char* op, const Tensor& grad, const Tensor& a, const Tensor& b,
                     Tensor& result) {
  visit_real(op, grad.dtype(), [&]<class R>(Type<R>) {
    const auto kernels = binary_kernels<F, R>();
    const auto kernel = by_a ? kernels.gradient_a : kernels.gradient_b;
    const Runs runs(a.defined() ? a.shape() : Shape{}, b.defined() ? b.shape() : Shape{},
                    grad.shape());
    const R* left = a.defined() ? a.data<R>() : nullptr;
    const R* right = b.defined() ? b.data<R>() : nullptr;
    const R* g = grad.data<R>();
    R* out = result.mutable_data<R>();
    parallel_for(0, grad.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      runs.for_each(begin, end,
                    [&](std::int64_t at_a, std::int64_t at_b, std::int64_t at, std::int64_t count) {
                      kernel(g + at, left == nullptr ? left : left + at_a, runs.step_a(),
                             right == nullptr ? right : right + at_b, runs.step_b(), out + at,
                             count);
                    });
    });
  });
}

}  // namespace

template <class F>
constinit DeviceKernels<typename Unary<F>::Value> Unary<F>::value{.cpu = unary_value<F>};
template <class F>
constinit DeviceKernels<typename Unary<F>::Gradient> Unary<F>::gradient{.cpu = unary_gradient<F>};
template <class F>
constinit DeviceKernels<typename Binary<F>::Value> Binary<F>::value{.cpu = binary_value<F>};
template <class F>
constinit DeviceKernels<typename Binary<F>::Gradient> Binary<F>::gradient_a{
    .cpu = binary_gradient<F, true>};
template <class F>
constinit DeviceKernels<typename Binary<F>::Gradient> Binary<F>::gradient_b{
    .cpu = binary_gradient<F, false>};

#define RV_SCALAR(Functor) template struct Unary<Functor>;
#define RV_UNARY(function, Functor) RV_SCALAR(Functor)
#define RV_BINARY(function, Functor) template struct Binary<Functor>;
#include "ranvier/ops/pointwise/detail/functions.def"

}  // namespace ranvier::pointwise
