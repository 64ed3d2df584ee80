// The same elements under another shape, or in another order of axes.
#pragma once

#include <cstdint>
#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `x` under another shape of as many elements. A view: it shares x's storage. Packed spikes are
/// a view too if the last axis keeps its extent or its old and new extents are multiples of 64;
/// otherwise their rows are repacked into new storage. The gradient is reshaped back (a view).
/// Error: the numbers of elements differ.
Tensor reshape(const Tensor& x, const Shape& shape);

/// Merges the axes from `from_axis` to `to_axis`, both included; negative axes count from the end:
/// `flatten(x, -3)` makes [..., H, W, C] to [..., H * W * C]. As `reshape`, so packed spikes are
/// repacked unless C % 64 == 0. A scalar becomes (1,). Errors: an axis out of range, from > to.
Tensor flatten(const Tensor& x, int from_axis = 0, int to_axis = -1);

/// [T, B, ...] -> [T * B, ...], for layers without state. Error: rank < 2.
Tensor fold_time(const Tensor& x);
/// [T * B, ...] -> [T, B, ...] with T = `steps`. Errors: steps < 1 or not a divisor of axis 0.
Tensor unfold_time(const Tensor& x, std::int64_t steps);

/// A copy whose axis i is axis `axes[i]` of x. Packed spikes keep their last axis last. Errors:
/// `axes` is not a permutation of x's axes.
Tensor permute(const Tensor& x, const std::vector<int>& axes);
/// A copy with two axes exchanged; by default those of a matrix, or of each matrix of a batch.
Tensor transpose(const Tensor& x, int axis_a = -2, int axis_b = -1);

}  // namespace ranvier
