// The loops over neurons: a model's scalar functions, applied to one time step of a row.
//
// The loops are simple on purpose. State, input and output lie in separate rows that the engine
// keeps in the cache, so the compiler turns each into one vector loop; what it needs for that is
// that the functors inline and select instead of branch.
#pragma once

#include "ranvier/ops/neurons/kernels.h"
#include "ranvier/ops/neurons/math.h"

// Names the instruction set a kernel is compiled for, so that copies for different ones coexist.
#ifndef RV_ISA_NAMESPACE
#define RV_ISA_NAMESPACE isa_of_user
#endif

namespace ranvier::neurons::RV_ISA_NAMESPACE {

template <class Fields, class R>
RV_HD Fields load_fields(const R* base, std::int64_t stride, std::int64_t i) {
  constexpr int count = __is_empty(Fields) ? 0 : sizeof(Fields) / sizeof(R);
  static_assert(count <= 4, "a state has at most four variables");
  if constexpr (count == 0) return {};
  if constexpr (count == 1) return {base[i]};
  if constexpr (count == 2) return {base[i], base[stride + i]};
  if constexpr (count == 3) return {base[i], base[stride + i], base[2 * stride + i]};
  if constexpr (count == 4)
    return {base[i], base[stride + i], base[2 * stride + i], base[3 * stride + i]};
}

template <class Fields, class R>
RV_HD void store_fields(const Fields& fields, R* base, std::int64_t stride, std::int64_t i) {
  constexpr int count = __is_empty(Fields) ? 0 : sizeof(Fields) / sizeof(R);
  if constexpr (count == 1) {
    const auto& [a] = fields;
    base[i] = a;
  } else if constexpr (count == 2) {
    const auto& [a, b] = fields;
    base[i] = a;
    base[stride + i] = b;
  } else if constexpr (count == 3) {
    const auto& [a, b, c] = fields;
    base[i] = a;
    base[stride + i] = b;
    base[2 * stride + i] = c;
  } else if constexpr (count == 4) {
    const auto& [a, b, c, d] = fields;
    base[i] = a;
    base[stride + i] = b;
    base[2 * stride + i] = c;
    base[3 * stride + i] = d;
  }
}

template <class Model, class R, bool with_output>
void step_loop(const typename Model::template Params<R> p, const StepRow<R> row) {
  using State = typename Model::template State<R>;
#pragma omp simd
  for (std::int64_t i = 0; i < row.count; ++i) {
    State state = load_fields<State>(row.before, row.stride, i);
    const R out = Model::step(p, state, row.x[i], Fire{});
    store_fields(state, row.after, row.stride, i);
    if constexpr (with_output) row.out[i] = out;
  }
}

template <class Model, class R>
void step_row(const void* params, const StepRow<R>& row) {
  const auto& p = *static_cast<const typename Model::template Params<R>*>(params);
  if (row.out != nullptr)
    step_loop<Model, R, true>(p, row);
  else
    step_loop<Model, R, false>(p, row);
}

template <class Model, class Slope, class R>
void adjoint_row(const void* params, const void* slope_functor, const AdjointRow<R>& r) {
  using State = typename Model::template State<R>;
  using Learnable = typename Model::template Learnable<R>;
  const auto p = *static_cast<const typename Model::template Params<R>*>(params);
  const auto slope = *static_cast<const Slope*>(slope_functor);
  const AdjointRow<R> row = r;
#pragma omp simd
  for (std::int64_t i = 0; i < row.count; ++i) {
    const State before = load_fields<State>(row.before, row.stride, i);
    State grad = load_fields<State>(row.grad_state, row.stride, i);
    Learnable learnt = load_fields<Learnable>(row.grad_learnable, row.stride, i);
    row.grad_x[i] = Model::adjoint(p, before, row.x[i], row.grad_out[i], grad, learnt, slope);
    store_fields(grad, row.grad_state, row.stride, i);
    store_fields(learnt, row.grad_learnable, row.stride, i);
  }
}

/// The row kernels of a model with a surrogate's `Slope` functor.
template <class Model, class Slope, class R>
constexpr RowKernels<R> row_kernels() {
  return {step_row<Model, R>, adjoint_row<Model, Slope, R>};
}

}  // namespace ranvier::neurons::RV_ISA_NAMESPACE
