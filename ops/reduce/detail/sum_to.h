// What undoes a broadcast.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// `full` summed over the axes along which `shape` was broadcast to its shape.
Tensor sum_to(const Tensor& full, const Shape& shape);

}  // namespace ranvier::detail
