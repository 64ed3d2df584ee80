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

/// A [rows, columns] matrix uniform among those whose columns (or, if there are fewer, rows) are
/// orthogonal and `gain` long (Saxe et al. 2014; PyTorch's `orthogonal_`): what weights of
/// recurrent neurons often begin from. A leaf that requires a gradient. Errors: no rows or columns,
/// a gain that is not finite.
Tensor init_orthogonal(std::int64_t rows, std::int64_t columns, double gain = 1,
                       Generator& generator = default_generator());

}  // namespace ranvier
