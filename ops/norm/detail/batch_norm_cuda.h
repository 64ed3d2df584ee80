// Parts of batch normalisation on a CUDA device for operations that hold arrays rather than
// tensors.
#pragma once

#include "ranvier/core/device.h"
#include "ranvier/ops/norm/detail/batch_norm_ops.h"

namespace ranvier::norm::device {

/// Sums of g and of g (x - centre), all [groups, channels]; R float or double.
template <class R>
void gradient_sums(Device device, const Extent& extent, const R* grad, const R* x, const R* centre,
                   double* sum, double* sum_x);

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
