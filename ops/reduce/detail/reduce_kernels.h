// Reduction kernels, [outer, count, inner] -> [outer, inner], a function for each kind of device.
// Messages are tagged with `op`, the operation that asks.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/platform.h"
#include "ranvier/ops/reduce/detail/plan.h"

namespace ranvier::detail {

/// y = sum of x / divisor, y of the dtype that x is computed with or, for a later pass over f32,
/// f64. On CUDA devices x may hold 16-bit floats.
using SumKernel = void(const char* op, const ReducePlan& plan, const Tensor& x, double divisor,
                       Tensor& y);
extern DeviceKernels<SumKernel> sum_kernels;
/// gx = gy / divisor for each element of gx that made gy; dtypes as those of x and y.
using SpreadKernel = void(const char* op, const ReducePlan& plan, const Tensor& gy, double divisor,
                          Tensor& gx);
extern DeviceKernels<SpreadKernel> spread_kernels;

/// y = sum of (x - mean)^2 / divisor; `means` is f64.
using SquaresKernel = void(const ReducePlan& plan, const Tensor& x, const Tensor& means,
                           double divisor, Tensor& y);
extern DeviceKernels<SquaresKernel> squares_kernels;
/// gx = gy * 2 (x - mean) / divisor.
using SquaresBackwardKernel = void(const ReducePlan& plan, const Tensor& x, const Tensor& means,
                                   double divisor, const Tensor& gy, Tensor& gx);
extern DeviceKernels<SquaresBackwardKernel> squares_backward_kernels;

enum class Extremum { largest, smallest };

/// True if `value` takes the place of `best`, which came before it. The first NaN wins, so that it
/// is noticed. Without branches, so that loops over it vectorise.
template <Extremum which, class T>
RV_HD bool beats(T value, T best) {
  const bool better = which == Extremum::largest ? value > best : value < best;
  return better | ((value != value) & (best == best));
}

/// The first largest or smallest element and its position, i64, along `count`, which is >= 1.
using ExtremumKernel = void(const char* op, const ReducePlan& plan, Extremum which, const Tensor& x,
                            Tensor& values, Tensor& positions);
extern DeviceKernels<ExtremumKernel> extremum_kernels;
/// Gives each result's gradient to the element at its position; gx holds zeros.
using ExtremumBackwardKernel = void(const char* op, const ReducePlan& plan, const Tensor& positions,
                                    const Tensor& gy, Tensor& gx);
extern DeviceKernels<ExtremumBackwardKernel> extremum_backward_kernels;

/// Packed spikes [steps, ..., columns] -> their number / divisor, f32 [..., columns].
using CountSpikesKernel = void(const char* op, const Tensor& x, double divisor, Tensor& y);
extern DeviceKernels<CountSpikesKernel> count_spikes_kernels;

}  // namespace ranvier::detail
