// How weights begin.
#pragma once

#include "ranvier/core/random.h"

namespace ranvier {

/// Uniform in +-1/sqrt(fan_in), what PyTorch's Linear and Conv2d start from (He et al. 2015 with
/// a = sqrt(5)); a leaf that requires a gradient. Error: fan_in < 1.
Tensor init_uniform_fan_in(const Shape& shape, std::int64_t fan_in,
                           Generator& generator = default_generator());

/// All elements `value`; a leaf that requires a gradient.
Tensor init_constant(const Shape& shape, double value);

}  // namespace ranvier
