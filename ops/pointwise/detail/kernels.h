// The loops of pointwise functions over one run of elements, a copy per instruction set.
#pragma once

#include <cstdint>

#include "ranvier/ops/pointwise/detail/functors.h"

namespace ranvier::pointwise {

/// For a functor of one tensor; `f` points to the functor.
template <class R>
struct UnaryKernels {
  /// y = f(x)
  void (*value)(const void* f, const R* x, R* y, std::int64_t count);
  /// gx = g f'(saved); `saved` is x, y, or null, as the functor's `from` says
  void (*gradient)(const void* f, const R* g, const R* saved, R* gx, std::int64_t count);
};

/// For a functor of two tensors. An operand is `count` elements, or one for the whole run if its
/// step is 0.
template <class R>
struct BinaryKernels {
  /// y = f(a, b)
  void (*value)(const R* a, std::int64_t step_a, const R* b, std::int64_t step_b, R* y,
                std::int64_t count);
  /// out = g df/da and out = g df/db; an operand that the functor does not read may be null, with
  /// a step of 0
  using Gradient = void (*)(const R* g, const R* a, std::int64_t step_a, const R* b,
                            std::int64_t step_b, R* out, std::int64_t count);
  Gradient gradient_a, gradient_b;
};

namespace isa_v2 {
template <class F, class R>
UnaryKernels<R> unary_kernels();
template <class F, class R>
BinaryKernels<R> binary_kernels();
}  // namespace isa_v2
namespace isa_v3 {
template <class F, class R>
UnaryKernels<R> unary_kernels();
template <class F, class R>
BinaryKernels<R> binary_kernels();
}  // namespace isa_v3
namespace isa_v4 {
template <class F, class R>
UnaryKernels<R> unary_kernels();
template <class F, class R>
BinaryKernels<R> binary_kernels();
}  // namespace isa_v4

}  // namespace ranvier::pointwise
