// Parts of batch normalisation on a CUDA device for operations that hold arrays rather than
// tensors. x and its gradient are stored as S: float, double, bfloat16 or float16.
#pragma once

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/device.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"

namespace ranvier::norm::device {

/// What coefficients are stored as and values are computed in.
template <class S>
using Real = ranvier::detail::Computed<S>;

/// Partial sums of x - origin and of its square, as `GradientSums` holds them; the origin is the
/// first row of each group.
template <class S>
Tensor moment_partials(Device device, const Extent& extent, const S* x);

/// Partial sums of g and of g (x - centre), as `GradientSums` holds them.
template <class S>
Tensor gradient_partials(Device device, const Extent& extent, const S* grad, const S* x,
                         const Real<S>* centre);

/// grad_x = scale g + slope (x - centre) + offset, which may be in place. G: what g is stored as,
/// S or what that is computed in.
template <class S, class G = S>
struct GradientArrays {
  const G* grad;
  const S* x;
  const Real<S>*scale, *slope, *centre, *offset;
  S* grad_x;
};
template <class S, class G = S>
void input_gradient(Device device, const Extent& extent, const GradientArrays<S, G>& arrays);

/// y = fma(x, scale, shift), which may be in place. X: what x is stored as, S or what that is
/// computed in.
template <class S, class X>
void apply(Device device, const Extent& extent, const X* x, const Real<S>* scale,
           const Real<S>* shift, S* y);

}  // namespace ranvier::norm::device
