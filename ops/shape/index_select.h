// Rows chosen by number.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// Row `indices[i]` of axis 0 of x as row i: [N, ...] and i64 [n] -> [n, ...]. An index may repeat;
/// its gradients are added in the order of `indices`. Errors: indices that are not i64 of rank 1,
/// an index outside [0, N), packed spikes of rank 1. Indices may be on the CPU while x is not;
/// those on a CUDA device are not looked at, for that would stop it: one outside [0, N) gives a row
/// of NaN (zeros if x is not floating) and gets no gradient.
Tensor index_select(const Tensor& x, const Tensor& indices);

}  // namespace ranvier
