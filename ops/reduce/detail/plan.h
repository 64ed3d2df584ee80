// What every reduction is to its kernels: [outer, count, inner] -> [outer, inner].
#pragma once

#include <cstdint>
#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

struct ReducePlan {
  std::int64_t outer = 1;
  std::int64_t count = 1;  ///< elements that make one result
  std::int64_t inner = 1;

  std::int64_t results() const { return outer * inner; }
};

struct Reduction {
  Tensor x;  ///< permuted if other axes lie between the reduced ones
  ReducePlan plan;
  Shape shape;  ///< of the result
};

/// Errors, tagged with `op`: an axis out of range or named twice.
Reduction plan_reduction(const char* op, const Tensor& x, const std::vector<int>& axes,
                         bool keepdim);

}  // namespace ranvier::detail
