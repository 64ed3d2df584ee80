// Pointwise functions on a CUDA device: the functors that the CPU's loops use, in kernels bound by
// memory. A result takes one launch; operands of one shape are moved 16 bytes at a time.
#include "ranvier/core/detail/cuda_index.h"
#include "ranvier/core/detail/cuda_map.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/pointwise/detail/device_kernels.h"
#include "ranvier/ops/pointwise/detail/functors.h"
#include "ranvier/ops/pointwise/detail/runs.h"

namespace ranvier::pointwise {
namespace {

using namespace ranvier::cuda;
using ranvier::detail::Type;
using ranvier::detail::visit_real;

// --- one tensor
// -----------------------------------------------------------------------------------

// nvcc wants device lambdas in functions of their own, not within the lambdas that visit dtypes.
template <class R, class F>
void map_value(const char* op, const F& f, const Tensor& x, Tensor& y) {
  map(
      op, x.device(), x.numel(), [f] __device__(R value) -> R { return f.value(value); },
      mutable_elements<R>(op, y), elements<R>(op, x));
}

template <class F>
void unary_value(const char* op, const F& f, const Tensor& x, Tensor& y) {
  visit_real(op, x.dtype(), [&]<class R>(Type<R>) { map_value<R>(op, f, x, y); });
}

template <class R, class F>
void map_gradient(const char* op, const F& f, const Tensor& grad, const Tensor& saved, Tensor& gx) {
  const R* const g = elements<R>(op, grad);
  R* const out = mutable_elements<R>(op, gx);
  if constexpr (F::from == From::nothing) {
    const R slope = static_cast<R>(f.derivative(R(0)));
    map(
        op, grad.device(), grad.numel(), [=] __device__(R each) -> R { return each * slope; }, out,
        g);
  } else {
    map(
        op, grad.device(), grad.numel(),
        [f] __device__(R each, R at) -> R { return each * static_cast<R>(f.derivative(at)); }, out,
        g, elements<R>(op, saved));
  }
}

template <class F>
void unary_gradient(const char* op, const F& f, const Tensor& grad, const Tensor& saved,
                    Tensor& gx) {
  visit_real(op, grad.dtype(), [&]<class R>(Type<R>) { map_gradient<R>(op, f, grad, saved, gx); });
}

// --- two tensors
// ----------------------------------------------------------------------------------

/// The axes of `Runs` as a kernel takes them.
struct Walk {
  explicit Walk(const Runs& runs) : rank(static_cast<int>(runs.axes().size())) {
    for (int k = 0; k < rank; ++k) axis[k] = runs.axes()[static_cast<std::size_t>(k)];
  }

  int rank;
  Runs::Axis axis[Shape::max_rank];
};

/// What a pass reads: gradients and operands, each of which may be null for nothing.
template <class R>
struct Operands {
  const R* g;
  const R* a;
  const R* b;
};

/// Values at `at`: neighbours if they move with the result, one value for all if not.
template <class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> load_run(const R* at, bool moves) {
  if (moves) return load<R, lanes>(at);
  const R value = at == nullptr ? R(0) : *at;
  Pack<R, lanes> values;
#pragma unroll
  for (int i = 0; i < lanes; ++i) values.lane[i] = value;
  return values;
}

/// out[i] = pass(g[i], a of i, b of i), for `lanes` neighbours of a run.
template <class R, int lanes, class Pass>
__global__ void __launch_bounds__(block_threads)
    combine(std::int64_t count, const Walk walk, const Operands<R> in, R* out, const Pass pass) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * lanes;
  if (first >= count) return;
  std::int64_t a = 0, b = 0, rest = first;
  for (int k = 0; k < walk.rank; ++k) {
    const Runs::Axis& along = walk.axis[k];
    const Division place = k + 1 < walk.rank ? divide(rest, along.extent) : Division{0, rest};
    a += place.remainder * along.step_a;
    b += place.remainder * along.step_b;
    rest = place.quotient;
  }
  const bool moves_a = walk.axis[0].step_a != 0, moves_b = walk.axis[0].step_b != 0;
  if (first + lanes <= count) {
    const auto g = load_run<R, lanes>(in.g == nullptr ? nullptr : in.g + first, in.g != nullptr);
    const auto left = load_run<R, lanes>(in.a == nullptr ? nullptr : in.a + a, moves_a);
    const auto right = load_run<R, lanes>(in.b == nullptr ? nullptr : in.b + b, moves_b);
    store<R, lanes>(out + first, kernels::apply<R, lanes>(pass, g, left, right));
  } else {  // the end of the only run
    for (std::int64_t i = 0; first + i < count; ++i)
      out[first + i] = pass(in.g == nullptr ? R(0) : in.g[first + i],
                            in.a == nullptr ? R(0) : in.a[a + (moves_a ? i : 0)],
                            in.b == nullptr ? R(0) : in.b[b + (moves_b ? i : 0)]);
  }
}

/// True if every thread's neighbours lie in one run and can be moved 16 bytes at a time.
template <class R>
bool runs_in_packs(const Runs& runs, const Operands<R>& in, const R* out) {
  const std::int64_t run = runs.axes().size() == 1 ? full_lanes<R> : runs.axes()[0].extent;
  return in_packs<R>(
      run, {out, in.g, runs.step_a() != 0 ? in.a : nullptr, runs.step_b() != 0 ? in.b : nullptr});
}

template <class R, class Pass>
void launch_combine(const char* op, const Runs& runs, const Operands<R>& in, const Pass& pass,
                    Tensor& result) {
  const std::int64_t count = result.numel();
  if (count == 0) return;
  R* const out = mutable_elements<R>(op, result);
  constexpr int lanes = map_lanes<R>;
  if (lanes > 1 && runs_in_packs(runs, in, out))
    launch(op, result.device(), grid_for((count + lanes - 1) / lanes), combine<R, lanes, Pass>,
           count, Walk(runs), in, out, pass);
  else
    launch(op, result.device(), grid_for(count), combine<R, 1, Pass>, count, Walk(runs), in, out,
           pass);
}

template <class R, class F>
void combine_value(const char* op, const Tensor& a, const Tensor& b, Tensor& y) {
  launch_combine<R>(
      op, Runs(a.shape(), b.shape(), y.shape()), {nullptr, elements<R>(op, a), elements<R>(op, b)},
      [] __device__(R, R left, R right) -> R { return F().value(left, right); }, y);
}

template <class F>
void binary_value(const char* op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_real(op, y.dtype(), [&]<class R>(Type<R>) { combine_value<R, F>(op, a, b, y); });
}

template <class R, class F, bool by_a>
void combine_gradient(const char* op, const Tensor& grad, const Tensor& a, const Tensor& b,
                      Tensor& result) {
  const Runs runs(a.defined() ? a.shape() : Shape{}, b.defined() ? b.shape() : Shape{},
                  grad.shape());
  launch_combine<R>(
      op, runs, {elements<R>(op, grad), elements_or_null<R>(op, a), elements_or_null<R>(op, b)},
      [] __device__(R g, R left, R right) -> R {
        if constexpr (by_a)
          return g * static_cast<R>(F().derivative_a(left, right));
        else
          return g * static_cast<R>(F().derivative_b(left, right));
      },
      result);
}

template <class F, bool by_a>
void binary_gradient(const char* op, const Tensor& grad, const Tensor& a, const Tensor& b,
                     Tensor& result) {
  visit_real(op, grad.dtype(),
             [&]<class R>(Type<R>) { combine_gradient<R, F, by_a>(op, grad, a, b, result); });
}

#define RV_SCALAR(Functor)                                                          \
  const CudaKernel value_of_##Functor(Unary<Functor>::value, unary_value<Functor>); \
  const CudaKernel gradient_of_##Functor(Unary<Functor>::gradient, unary_gradient<Functor>);
#define RV_UNARY(function, Functor) RV_SCALAR(Functor)
#define RV_BINARY(function, Functor)                                                  \
  const CudaKernel value_of_##Functor(Binary<Functor>::value, binary_value<Functor>); \
  const CudaKernel gradient_a_of_##Functor(Binary<Functor>::gradient_a,               \
                                           binary_gradient<Functor, true>);           \
  const CudaKernel gradient_b_of_##Functor(Binary<Functor>::gradient_b,               \
                                           binary_gradient<Functor, false>);
#include "ranvier/ops/pointwise/detail/functions.def"

}  // namespace
}  // namespace ranvier::pointwise
