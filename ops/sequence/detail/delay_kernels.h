// What delays need of a device, and the CPU's loops over a row, one copy per instruction set.
#pragma once

#include <cmath>
#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/platform.h"
#include "ranvier/core/tensor.h"

namespace ranvier::delay_detail {

/// Delays [C], each in [0, most] or NaN.
struct Delays {
  Tensor steps;
  std::int64_t most;
  bool rounded;
};

/// A delay as it is applied: y[t] = near x[t - whole] + far x[t - whole - 1].
template <class R>
struct Tap {
  std::int32_t whole;  ///< in [0, most)
  R near, far;
};
template <class R>
RV_HD Tap<R> tap_of(R delay, std::int64_t most, bool rounded) {
  const auto last = static_cast<std::int32_t>(most - 1);
  const std::int32_t whole = delay < static_cast<R>(most) ? static_cast<std::int32_t>(delay) : last;
  const R fraction = delay - static_cast<R>(whole);
  const R far = rounded ? std::floor(fraction + R(0.5)) : fraction;
  return {whole, R(1) - far, far};
}

/// start + far x' + near x, rounded term by term. Of a gradient the far term is of the later step:
/// it comes first, as where it reaches x through the state of a later shard.
template <class R>
RV_HD R weighted(R start, R far, R before, R near, R x) {
  return (start + far * before) + near * x;
}

/// y [T, ..., C] from x; `state` [most, ..., C] or undefined: zeros.
using DelayKernel = void(const Tensor& x, const Tensor& state, const Delays& delays, Tensor& y);
extern DeviceKernels<DelayKernel> delay_kernels;

/// The gradients of x and of the state, either undefined if it is not wanted, from those of y and
/// of the state after, [most, ..., C] or undefined.
using DelayInputGradientKernel = void(const Tensor& grad, const Tensor& grad_after,
                                      const Delays& delays, Tensor& grad_x, Tensor& grad_state);
extern DeviceKernels<DelayInputGradientKernel> delay_input_gradient_kernels;

/// Parts of the gradient of the delays, f64 [parts, C], to be added up.
using DelayGradientKernel = Tensor(const Tensor& grad, const Tensor& x, const Tensor& state,
                                   const Delays& delays);
extern DeviceKernels<DelayGradientKernel> delay_gradient_kernels;

/// Neighbouring columns of a sequence that are walked along time. What the far term takes at a step
/// is what the near term took at the step before.
template <class R>
struct Columns {
  std::int32_t count;
  const std::int32_t* at;  ///< where column i's near value lies, from the row of a step
  const R *near, *far;
  R* last;  ///< the near values of the step before
};

/// Both move `last` on to `row`'s step.
template <class R>
struct Kernels {
  /// y[i] += far[i] last[i] + near[i] row[at[i]], in this order
  void (*add_shifted)(const Columns<R>& columns, const R* row, R* y);
  /// sum[i] += g[i] (last[i] - row[at[i]])
  void (*add_slopes)(const Columns<R>& columns, const R* row, const R* g, double* sum);
};

namespace isa_v2 {
template <class R>
const Kernels<R>& kernels();
}
namespace isa_v3 {
template <class R>
const Kernels<R>& kernels();
}
namespace isa_v4 {
template <class R>
const Kernels<R>& kernels();
}

}  // namespace ranvier::delay_detail
