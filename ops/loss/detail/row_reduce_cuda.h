// Reductions over a row of scores by a group of threads, a warp or a part of one that is a power of
// two: lane l takes the classes l, l + group, ... The whole warp must call them.
#pragma once

#include "ranvier/core/detail/cuda_reduce.h"

namespace ranvier::cuda {

/// Rows that a block takes at once, one a warp.
inline constexpr int rows_per_block = block_threads / warp_threads;

/// The sum over the classes of what `term(c)` returns, in all lanes.
template <int group = warp_threads, class Term>
__device__ __forceinline__ double row_sum(std::int64_t classes, int lane, const Term& term) {
  double sum = 0;
#pragma unroll 1  // most rows have fewer classes than a warp has lanes
  for (std::int64_t c = lane; c < classes; c += group) sum += term(c);
  return group_sum<group>(sum);
}

/// Where the largest of a row is, of equal ones the first; what is not a number is never larger.
template <class R>
struct Largest {
  R value;
  std::int64_t place;
};

/// The largest of at least one score, as std::max_element finds it, in all lanes.
template <int group = warp_threads, class R>
__device__ __forceinline__ Largest<R> row_largest(const R* x, std::int64_t classes, int lane) {
  Largest<R> best{x[0], 0};
  for (std::int64_t c = lane; c < classes; c += group)
    if (best.value < x[c]) best = {x[c], c};
#pragma unroll
  for (int distance = group / 2; distance > 0; distance /= 2) {
    const R value = __shfl_xor_sync(whole_warp, best.value, distance);
    const std::int64_t place = __shfl_xor_sync(whole_warp, best.place, distance);
    if (best.value < value || (best.value == value && place < best.place)) best = {value, place};
  }
  return best;
}

/// log(sum exp(x)), shifted by the largest value so that nothing overflows, in all lanes.
template <int group = warp_threads, class R>
__device__ __forceinline__ double row_log_sum_exp(const R* x, std::int64_t classes, int lane) {
  const double largest = row_largest<group>(x, classes, lane).value;
  const auto term = [=](std::int64_t c) { return exp(x[c] - largest); };
  return largest + log(row_sum<group>(classes, lane, term));
}

}  // namespace ranvier::cuda
