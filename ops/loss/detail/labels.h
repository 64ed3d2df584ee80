// Class indices that have been checked.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// The elements of `labels`. Errors, tagged with `op`: not i64 [batch]; one outside [0, classes)
/// (names its index and value).
const std::int64_t* checked_labels(const char* op, const Tensor& labels, std::int64_t batch,
                                   std::int64_t classes);

}  // namespace ranvier::detail
