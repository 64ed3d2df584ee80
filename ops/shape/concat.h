// Several tensors as one.
#pragma once

#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `parts` one after the other along `axis`. Each part gets its piece of the gradient. Errors: no
/// parts, dtypes, devices or extents of other axes that differ, the last axis of packed spikes.
Tensor concat(const std::vector<Tensor>& parts, int axis = 0);

/// `parts`, all of one shape, along a new axis that becomes `axis` of the result: steps [B, ...]
/// make [T, B, ...]. Errors as `concat`.
Tensor stack(const std::vector<Tensor>& parts, int axis = 0);

}  // namespace ranvier
