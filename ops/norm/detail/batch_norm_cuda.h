// Parts of batch normalisation on a CUDA device for operations that hold arrays rather than
// tensors.
#pragma once

#include "ranvier/core/device.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"

namespace ranvier::norm::device {

/// Partial sums of g and of g (x - centre), as `GradientSums` holds them; R float or double.
template <class R>
Tensor gradient_partials(Device device, const Extent& extent, const R* grad, const R* x,
                         const R* centre);

/// grad_x = scale g + slope (x - centre) + offset, which may be in place.
template <class R>
struct GradientArrays {
  const R *grad, *x, *scale, *slope, *centre, *offset;
  R* grad_x;
};
template <class R>
void input_gradient(Device device, const Extent& extent, const GradientArrays<R>& arrays);

/// y = fma(x, scale, shift), which may be in place.
template <class R>
void apply(Device device, const Extent& extent, const R* x, const R* scale, const R* shift, R* y);

}  // namespace ranvier::norm::device
