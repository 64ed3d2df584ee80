// Lengths that have been checked.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// The elements of `lengths`. Errors, tagged with `op`: not i64 [batch]; one outside [1, steps]
/// (names its index and value).
const std::int64_t* checked_lengths(const char* op, const Tensor& lengths, std::int64_t steps,
                                    std::int64_t batch);

}  // namespace ranvier::detail
