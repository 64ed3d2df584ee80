#include "ranvier/layers/init.h"

#include <cmath>

namespace ranvier {

Tensor init_uniform_fan_in(const Shape& shape, std::int64_t fan_in, Generator& generator) {
  RV_CHECK(fan_in >= 1, "[init] fan_in must be >= 1; got {}.", fan_in);
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return uniform(shape, -bound, bound, generator).set_requires_grad(true);
}

Tensor init_constant(const Shape& shape, double value) {
  return full(shape, value).set_requires_grad(true);
}

}  // namespace ranvier
