// Reduction kernels of the CPU: [outer, count, inner] -> [outer, inner].
#pragma once

#include "ranvier/ops/reduce/detail/plan.h"

namespace ranvier::detail {

/// y = sum of x / divisor, y of type T or, for a later pass, f64.
template <class T, class Y>
void sum_cpu(const ReducePlan& plan, const T* x, double divisor, Y* y);

/// y = sum of (x - mean)^2 / divisor.
template <class T>
void squares_cpu(const ReducePlan& plan, const T* x, const double* means, double divisor, T* y);
/// gx = gy * 2 (x - mean) / divisor.
template <class T>
void squares_backward_cpu(const ReducePlan& plan, const T* x, const double* means, double divisor,
                          const T* gy, T* gx);

/// The first largest or smallest element and its position along `count`, which is >= 1.
enum class Extremum { largest, smallest };
template <class T>
void extremum_cpu(const ReducePlan& plan, Extremum which, const T* x, T* values,
                  std::int64_t* positions);

/// Packed spikes [steps, rows, columns] -> their number / divisor, [rows, columns].
void count_spikes_cpu(std::int64_t steps, std::int64_t rows, std::int64_t columns,
                      const std::uint64_t* x, double divisor, float* y);

}  // namespace ranvier::detail
