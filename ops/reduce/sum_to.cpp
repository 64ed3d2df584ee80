#include "ranvier/ops/reduce/detail/sum_to.h"

#include <vector>

#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/shape/shape_ops.h"

namespace ranvier::detail {

Tensor sum_to(const Tensor& full, const Shape& shape) {
  if (full.shape() == shape) return full;
  std::vector<int> axes;
  const int added = full.rank() - shape.rank();
  for (int axis = 0; axis < full.rank(); ++axis)
    if (axis < added || shape[axis - added] != full.size(axis)) axes.push_back(axis);
  return reshape(sum(full, axes), shape);
}

}  // namespace ranvier::detail
