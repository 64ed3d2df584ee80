// Delays on a CUDA device. A thread takes neighbouring columns through some of the steps and reads
// one value for each: what the far term takes at a step is what the near term took before. What a
// warp writes lies together; what it reads lies in as many rows as its columns have delays, which
// it comes back to at the steps after, while they are in L1. Backward is the same walk from the
// end.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/sequence/detail/delay_geometry.h"
#include "ranvier/ops/sequence/detail/delay_kernels.h"

namespace ranvier::cuda {
namespace {

using delay_detail::Delays;
using delay_detail::Tap;
using delay_detail::tap_of;
using delay_detail::TimeParts;
using delay_detail::weighted;
using ranvier::detail::Type;

constexpr const char* op = "delay";
constexpr int in_flight = 2;  // steps whose values a thread asks for at once

/// Which thread takes what of `steps` times `columns`.
template <class R>
struct Plan {
  const R* delays;
  std::int64_t steps, columns, channels, most;
  TimeParts parts;
  bool rounded;

  Plan(const Tensor& sequence, std::int64_t walked, const Delays& by)
      : delays(elements<R>(op, by.steps)),
        steps(walked),
        columns(sequence.shape().sub(1, sequence.rank()).numel()),
        channels(by.steps.numel()),
        most(by.most),
        parts(TimeParts::of(steps, columns)),
        rounded(by.rounded) {}
};

/// The values of x [T, columns] at step k, and of the steps before it.
template <class R>
struct Onwards {
  const R *x, *state;  // state may be null
  std::int64_t columns, most;

  __device__ R operator()(std::int64_t k, std::int64_t column) const {
    if (k >= 0) return x[k * columns + column];
    return state == nullptr ? R(0) : state[(most + k) * columns + column];
  }
};

/// The values of g [T, columns] at step T - 1 - k; zeros outside.
template <class R>
struct FromTheEnd {
  const R* g;
  std::int64_t columns, steps;

  __device__ R operator()(std::int64_t k, std::int64_t column) const {
    return k >= 0 && k < steps ? g[(steps - 1 - k) * columns + column] : R(0);
  }
};

/// Calls `step(k, first column, taps, near values of the step before, of this step)` for all that
/// thread `item` takes.
template <int lanes, class R, class Values, class Step>
__device__ __forceinline__ void walk(const Plan<R>& plan, std::int64_t item, const Values& values,
                                     Step step) {
  const std::int64_t packs = plan.columns / lanes, first = item % packs * lanes;
  const std::int64_t begin = item / packs * plan.parts.length;
  const std::int64_t end =
      begin + plan.parts.length < plan.steps ? begin + plan.parts.length : plan.steps;
  Tap<R> taps[lanes];
  Pack<R, lanes> last;
#pragma unroll
  for (int i = 0; i < lanes; ++i) {
    taps[i] = tap_of(plan.delays[(first + i) % plan.channels], plan.most, plan.rounded);
    last.lane[i] = values(begin - 1 - taps[i].whole, first + i);
  }
  for (std::int64_t k = begin; k < end; k += in_flight) {
    Pack<R, lanes> now[in_flight];
#pragma unroll
    for (int s = 0; s < in_flight; ++s)
#pragma unroll
      for (int i = 0; i < lanes; ++i)
        now[s].lane[i] = k + s < end ? values(k + s - taps[i].whole, first + i) : R(0);
#pragma unroll
    for (int s = 0; s < in_flight; ++s) {
      if (k + s < end) step(k + s, first, taps, last, now[s]);
      last = now[s];
    }
  }
}

template <int lanes, class R>
__device__ __forceinline__ Pack<R, lanes> shifted(const Pack<R, lanes>& start,
                                                  const Tap<R> (&taps)[lanes],
                                                  const Pack<R, lanes>& last,
                                                  const Pack<R, lanes>& now) {
  Pack<R, lanes> out;
#pragma unroll
  for (int i = 0; i < lanes; ++i)
    out.lane[i] = weighted(start.lane[i], taps[i].far, last.lane[i], taps[i].near, now.lane[i]);
  return out;
}

template <class R, int lanes>
struct Forward {
  Plan<R> plan;
  Onwards<R> x;
  R* y;

  __device__ void operator()(std::int64_t item) const {
    walk<lanes>(plan, item, x,
                [&](std::int64_t k, std::int64_t first, const Tap<R>(&taps)[lanes],
                    const Pack<R, lanes>& last, const Pack<R, lanes>& now) {
                  store(y + k * plan.columns + first,
                        shifted<lanes>(Pack<R, lanes>{}, taps, last, now));
                });
  }
};

template <class R, int lanes>
struct InputGradient {
  Plan<R> plan;
  FromTheEnd<R> grad;
  const R* after;  // may be null, as may these
  R *grad_x, *grad_state;

  __device__ void operator()(std::int64_t item) const {
    walk<lanes>(plan, item, grad,
                [&](std::int64_t k, std::int64_t first, const Tap<R>(&taps)[lanes],
                    const Pack<R, lanes>& last, const Pack<R, lanes>& now) {
                  const std::int64_t t = grad.steps - 1 - k, in_state = plan.most - 1 - k;
                  R* const out = t >= 0 ? grad_x : grad_state;
                  if (out == nullptr) return;
                  Pack<R, lanes> start{};
                  if (after != nullptr && in_state >= 0)
                    start = load<R, lanes>(after + in_state * plan.columns + first);
                  store(out + (t >= 0 ? t : plan.most + t) * plan.columns + first,
                        shifted<lanes>(start, taps, last, now));
                });
  }
};

template <class R, int lanes>
struct DelayGradient {
  Plan<R> plan;
  Onwards<R> x;
  const R* grad;
  double* sums;  // [parts, columns]

  __device__ void operator()(std::int64_t item) const {
    double sum[lanes] = {};
    walk<lanes>(plan, item, x,
                [&](std::int64_t k, std::int64_t first, const Tap<R>(&)[lanes],
                    const Pack<R, lanes>& last, const Pack<R, lanes>& now) {
                  const auto g = load<R, lanes>(grad + k * plan.columns + first);
#pragma unroll
                  for (int i = 0; i < lanes; ++i)
                    sum[i] += static_cast<double>(g.lane[i] * (last.lane[i] - now.lane[i]));
                });
#pragma unroll
    for (int i = 0; i < lanes; ++i) sums[item * lanes + i] = sum[i];
  }
};

template <class R>
Onwards<R> onwards(const Plan<R>& plan, const Tensor& x, const Tensor& state) {
  return {elements<R>(op, x), elements_or_null<R>(op, state), plan.columns, plan.most};
}

/// Calls `body` for every thread that `plan` needs.
template <int lanes, class R, class Body>
void run(Device device, const Plan<R>& plan, const Body& body) {
  for_each(op, device, plan.columns / lanes * plan.parts.number, body);
}

void forward(const Tensor& x, const Tensor& state, const Delays& delays, Tensor& y) {
  ranvier::detail::visit_real(op, x.dtype(), [&]<class R>(Type<R>) {
    const Plan<R> plan(x, x.size(0), delays);
    R* const out = mutable_elements<R>(op, y);
    visit_lanes<R>(plan.columns, {out}, [&]<int lanes>(std::integral_constant<int, lanes>) {
      run<lanes>(x.device(), plan, Forward<R, lanes>{plan, onwards(plan, x, state), out});
    });
  });
}

void input_gradient(const Tensor& grad, const Tensor& grad_after, const Delays& delays,
                    Tensor& grad_x, Tensor& grad_state) {
  ranvier::detail::visit_real(op, grad.dtype(), [&]<class R>(Type<R>) {
    const std::int64_t steps = grad.size(0);
    const Plan<R> plan(grad, grad_state.defined() ? steps + delays.most : steps, delays);
    const R* const after = elements_or_null<R>(op, grad_after);
    R* const gx = grad_x.defined() ? mutable_elements<R>(op, grad_x) : nullptr;
    R* const before = grad_state.defined() ? mutable_elements<R>(op, grad_state) : nullptr;
    visit_lanes<R>(
        plan.columns, {after, gx, before}, [&]<int lanes>(std::integral_constant<int, lanes>) {
          run<lanes>(grad.device(), plan,
                     InputGradient<R, lanes>{
                         plan, {elements<R>(op, grad), plan.columns, steps}, after, gx, before});
        });
  });
}

Tensor delay_gradient(const Tensor& grad, const Tensor& x, const Tensor& state,
                      const Delays& delays) {
  return ranvier::detail::visit_real(op, x.dtype(), [&]<class R>(Type<R>) {
    const Plan<R> plan(x, x.size(0), delays);
    const std::int64_t rows = x.shape().sub(1, x.rank() - 1).numel();
    Tensor parts =
        empty({plan.parts.number * rows, x.size(-1)}, {.dtype = DType::f64, .device = x.device()});
    const R* const g = elements<R>(op, grad);
    double* const sums = mutable_elements<double>(op, parts);
    visit_lanes<R>(plan.columns, {g}, [&]<int lanes>(std::integral_constant<int, lanes>) {
      run<lanes>(x.device(), plan, DelayGradient<R, lanes>{plan, onwards(plan, x, state), g, sums});
    });
    return parts;
  });
}

const CudaKernel forward_kernel(delay_detail::delay_kernels, forward);
const CudaKernel input_gradient_kernel(delay_detail::delay_input_gradient_kernels, input_gradient);
const CudaKernel delay_gradient_kernel(delay_detail::delay_gradient_kernels, delay_gradient);

}  // namespace
}  // namespace ranvier::cuda
