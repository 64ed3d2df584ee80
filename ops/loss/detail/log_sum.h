// What softmax and cross entropy have in common.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ranvier::detail {

/// log(sum exp(x)) over one row, shifted by its largest value so that nothing overflows.
template <class R>
double log_sum_exp(const R* x, std::int64_t classes) {
  const double largest = *std::max_element(x, x + classes);
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - largest);
  return largest + std::log(sum);
}

/// Rows of `classes` elements that are worth another thread.
inline std::int64_t grain_rows(std::int64_t classes) {
  return std::max<std::int64_t>(1, (1 << 12) / std::max<std::int64_t>(1, classes));
}

}  // namespace ranvier::detail
