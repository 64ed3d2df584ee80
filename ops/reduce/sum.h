// Sums and means over axes.
//
// All reductions take a list of axes (negative ones count from the end); an empty list stands for
// all of them. Their results do not depend on the number of threads: elements are added in f64 in
// chunks of fixed size, chunks in order, and rounded once. Axes that lie together are reduced in
// place; axes with others between them cost one permuted copy. 16-bit floats are reduced as f32,
// which is also what their results are.
#pragma once

#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/ops/reduce/options.h"

namespace ranvier {

/// The sum over `axes` of f32 or f64; 0 where there is nothing to add. Packed spikes are counted
/// along axis 0: [T, ..., C] -> f32 [..., C]. Errors: an axis out of range or named twice, another
/// dtype, other axes of packed spikes.
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, ReduceOptions options = {});

/// The mean over `axes`; over axis 0 of packed spikes their firing rate. Errors as `sum`, and
/// nothing to take the mean of.
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, ReduceOptions options = {});

}  // namespace ranvier
