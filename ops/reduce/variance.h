// Variances over axes. For axes see ops/reduce/sum.h.
#pragma once

#include <cstdint>
#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier {

struct VarianceOptions {
  bool keepdim = false;         ///< reduced axes stay, with extent 1
  std::int64_t correction = 1;  ///< n - correction divides: 1 estimates without bias, 0 is the mean
};

/// The variance over `axes` of f32 or f64: the squared distances from the mean, which is taken in
/// f64 first. Errors: an axis out of range or named twice, another dtype, a negative correction,
/// no more than `correction` elements.
Tensor var(const Tensor& x, const std::vector<int>& axes = {}, VarianceOptions options = {});

}  // namespace ranvier
