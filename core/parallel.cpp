#include "ranvier/core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>

#include "ranvier/core/error.h"

namespace ranvier {

int num_threads() { return omp_get_max_threads(); }

void set_num_threads(int count) {
  RV_CHECK(count >= 1, "[parallel] the number of threads must be >= 1; got {}.", count);
  omp_set_num_threads(count);
}

namespace detail {

void parallel_ranges(std::int64_t begin, std::int64_t end, std::int64_t grain, RangeBody body,
                     void* context) {
  if (begin >= end) return;
  const std::int64_t count = end - begin;
  const std::int64_t most =
      (count + std::max<std::int64_t>(grain, 1) - 1) / std::max<std::int64_t>(grain, 1);
  const std::int64_t ranges = std::min<std::int64_t>(num_threads(), most);
  if (ranges <= 1 || omp_in_parallel()) return body(context, begin, end);

  std::exception_ptr error;
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(ranges))
  for (std::int64_t i = 0; i < ranges; ++i) {
    try {
      body(context, begin + count * i / ranges, begin + count * (i + 1) / ranges);
    } catch (...) {
#pragma omp critical(ranvier_parallel_error)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace detail
}  // namespace ranvier
