// Checks of class indices, and of the scores that are held against them.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Error, tagged with `op`: `scores`, which the text calls `what`, are not [B, C] with C >= 1.
void check_scores(const char* op, const char* what, const Tensor& scores);

/// Errors, tagged with `op`: `labels` are not i64 [batch]; one outside [0, classes) (names its
/// index and value), which is not looked for on a CUDA device.
void check_labels(const char* op, const Tensor& labels, std::int64_t batch, std::int64_t classes);

}  // namespace ranvier::detail
