// Class indices as target vectors.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// f32 [B, classes] with a one at each label of i64 [B]. Error: a label that is not in
/// [0, classes) (names its index and value); on a CUDA device, where nobody looks, its row is NaN.
Tensor one_hot(const Tensor& labels, std::int64_t classes);

}  // namespace ranvier
