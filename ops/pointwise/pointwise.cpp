#include "ranvier/ops/pointwise/pointwise.h"

#include <memory>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/detail/device_kernels.h"
#include "ranvier/ops/pointwise/detail/functors.h"
#include "ranvier/ops/reduce/detail/sum_to.h"

namespace ranvier {
namespace {

using namespace pointwise;

template <class F>
constexpr const char* node_name = nullptr;
#define RV_SCALAR(Functor) \
  template <>              \
  constexpr const char* node_name<Functor> = #Functor "Backward";
#define RV_UNARY(function, Functor) RV_SCALAR(Functor)
#define RV_BINARY(function, Functor) RV_SCALAR(Functor)
#include "ranvier/ops/pointwise/detail/functions.def"

// --- one tensor ---------------------------------------------------------------------------------

template <class F>
struct UnaryBackward final : Node {
  explicit UnaryBackward(const F& functor) : f(functor) {}
  F f;
  Saved saved;  ///< x, y or nothing, as F says

  const char* name() const override { return node_name<F>; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& grad = grads[0];
    if (F::from == From::nothing && f.derivative(0.0) == 1) return {grad};
    Tensor result = empty_like(grad);
    kernel_for(name(), grad.device(), Unary<F>::gradient)(name(), f, grad, saved.get(), result);
    return {result};
  }
  void release() override { saved.reset(); }
};

template <class F>
Tensor unary(const char* op, const Tensor& given, const F& f) {
  const OperationScope operation(op);
  const Tensor x = widened(given);
  Tensor result = empty_like(x);
  kernel_for(op, x.device(), Unary<F>::value)(op, f, x, result);
  if (grad_needed({x})) {
    auto node = std::make_shared<UnaryBackward<F>>(f);
    if (F::from == From::input) node->saved = x;
    if (F::from == From::output) node->saved = result;
    attach(std::move(node), {x}, {result});
  }
  return result;
}

// --- two tensors --------------------------------------------------------------------------------

template <class F>
struct BinaryBackward final : Node {
  Saved a, b;  ///< what F reads
  Shape shape_a, shape_b;

  const char* name() const override { return node_name<F>; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {needs(0) ? gradient<true>(grads[0]) : Tensor(),
            needs(1) ? gradient<false>(grads[0]) : Tensor()};
  }
  void release() override {
    a.reset();
    b.reset();
  }

 private:
  template <bool by_a>
  Tensor gradient(const Tensor& grad) const {
    const Shape& shape = by_a ? shape_a : shape_b;
    const auto constant = by_a ? F().derivative_a(0.0, 0.0) : F().derivative_b(0.0, 0.0);
    if (F::from == From::nothing && constant == 1) return detail::sum_to(grad, shape);
    Tensor result = empty_like(grad);
    const auto& kernels = by_a ? Binary<F>::gradient_a : Binary<F>::gradient_b;
    kernel_for(name(), grad.device(), kernels)(name(), grad, a.get(), b.get(), result);
    return detail::sum_to(result, shape);
  }
};

/// Whether `a` and `b` are activations of 16 bit whose sum is one too: those of one shape, as
/// residual connections add them.
template <class F>
bool stays_narrow(const Tensor& a, const Tensor& b) {
  return std::is_same_v<F, Add> && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         detail::computed_dtype(a.dtype()) != a.dtype();
}

template <class F>
Tensor binary(const char* op, const Tensor& given_a, const Tensor& given_b) {
  const OperationScope operation(op);
  const bool narrow = stays_narrow<F>(given_a, given_b);
  const Tensor a = narrow ? given_a : widened(given_a), b = narrow ? given_b : widened(given_b);
  RV_CHECK(a.dtype() == b.dtype(), "[{}] the operands need one dtype; got {} and {}.", op,
           given_a.dtype(), given_b.dtype());
  if (a.device() != b.device())
    fail(ErrorCode::device, "[{}] the operands need one device; got {} and {}.", op, a.device(),
         b.device());
  const Shape shape = broadcast_shapes(op, a.shape(), b.shape());
  Tensor result = empty(shape, {.dtype = a.dtype(), .device = a.device()});
  if (narrow)
    kernel_for(op, a.device(), detail::accumulate_kernels)(a, b, result);
  else
    kernel_for(op, a.device(), Binary<F>::value)(op, a, b, result);
  if (grad_needed({a, b})) {
    auto node = std::make_shared<BinaryBackward<F>>();
    const bool by_a = grad_needed({a}), by_b = grad_needed({b});
    if (F::from == From::both || (F::from == From::other && by_b)) node->a = a;
    if (F::from == From::both || (F::from == From::other && by_a)) node->b = b;
    node->shape_a = a.shape();
    node->shape_b = b.shape();
    attach(std::move(node), {a, b}, {result});
  }
  return result;
}

}  // namespace

#define RV_UNARY(function, Functor) \
  Tensor function(const Tensor& x) { return unary(#function, x, Functor{}); }
#define RV_BINARY(function, Functor) \
  Tensor function(const Tensor& a, const Tensor& b) { return binary<Functor>(#function, a, b); }
#include "ranvier/ops/pointwise/detail/functions.def"

Tensor clamp(const Tensor& x, double low, double high) {
  RV_CHECK(low <= high, "[clamp] low must be <= high; got {} and {}.", low, high);
  return unary("clamp", x, Clamp{low, high});
}

Tensor pow(const Tensor& x, double exponent) { return unary("pow", x, Pow{exponent}); }
Tensor add(const Tensor& a, double b) { return unary("add", a, AddScalar{b}); }
Tensor sub(const Tensor& a, double b) { return unary("sub", a, AddScalar{-b}); }
Tensor sub(double a, const Tensor& b) { return unary("sub", b, ScalarSub{a}); }
Tensor mul(const Tensor& a, double b) { return unary("mul", a, MulScalar{b}); }
Tensor div(const Tensor& a, double b) { return unary("div", a, DivScalar{b}); }
Tensor div(double a, const Tensor& b) { return unary("div", b, ScalarDiv{a}); }

}  // namespace ranvier
