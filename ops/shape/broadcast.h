// Copies of a tensor along new axes or axes of extent 1.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// x repeated to `shape` by NumPy's rules: new axes come first, axes of extent 1 repeat. A copy.
/// The gradient is summed over the repeats as `sum` does. Errors: x does not broadcast to `shape`;
/// the last axis of packed spikes repeats.
Tensor broadcast_to(const Tensor& x, const Shape& shape);

/// [B, ...] -> [steps, B, ...], the same at every step. Neurons take a static input and `steps`
/// without this copy. Errors: steps < 1.
Tensor repeat_time(const Tensor& x, std::int64_t steps);

}  // namespace ranvier
