// Largest and smallest elements over axes. For axes and options see ops/reduce/sum.h.
#pragma once

#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/ops/reduce/options.h"

namespace ranvier {

/// The largest (smallest) element of f32 or f64; NaN wins. The gradient goes to the first one in
/// row order. Errors: an axis out of range or named twice, another dtype, nothing to choose from.
Tensor max(const Tensor& x, const std::vector<int>& axes = {}, ReduceOptions options = {});
Tensor min(const Tensor& x, const std::vector<int>& axes = {}, ReduceOptions options = {});

/// Where `max` found its element, as i64: the position along the axis; over several axes, the
/// position in their elements in row order. Has no gradient. Errors as `max`.
Tensor argmax(const Tensor& x, const std::vector<int>& axes = {}, ReduceOptions options = {});

}  // namespace ranvier
