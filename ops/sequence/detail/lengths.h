// Checks of lengths.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Errors, tagged with `op`: `lengths` are not i64 [batch]; one outside [1, steps] (names its index
/// and value), which is not looked for on a CUDA device.
void check_lengths(const char* op, const Tensor& lengths, std::int64_t steps, std::int64_t batch);

}  // namespace ranvier::detail
