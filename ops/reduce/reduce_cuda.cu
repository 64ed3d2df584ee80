// Reductions on a CUDA device. Sums are f64 as on the CPU and rounded once, so that they agree with
// the CPU's but for the last bit; what is chosen or counted is the CPU's.
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/reduce/detail/reduce_device.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"

namespace ranvier::detail {
namespace {

using cuda::divide;
using cuda::Division;
using cuda::elements;
using cuda::mutable_elements;

// --- sums
// -----------------------------------------------------------------------------------------

/// Of elements stored as T.
template <class T, class Y>
struct Sum {
  using Value = T;
  using Part = double;
  double divisor;
  Y* y;

  __device__ Part start() const { return 0; }
  __device__ void add(Part& part, T value, std::int64_t, std::int64_t) const {
    part += cuda::widen<Computed<T>>(value);
  }
  __device__ void join(Part& part, const Part& other) const { part += other; }
  __device__ void finish(std::int64_t result, const Part& part) const {
    y[result] = static_cast<Y>(part / divisor);
  }
};

void sum(const char* op, const ReducePlan& plan, const Tensor& x, double divisor, Tensor& y) {
  visit_floating(op, x.dtype(), [&]<class T>(Type<T>) {
    using R = Computed<T>;
    const T* const in = elements<T>(op, x);
    if constexpr (std::is_same_v<T, float>)
      if (y.dtype() == DType::f64)
        return device::reduce(op, x.device(), plan, in,
                              Sum<T, double>{divisor, mutable_elements<double>(op, y)});
    device::reduce(op, x.device(), plan, in, Sum<T, R>{divisor, mutable_elements<R>(op, y)});
  });
}

/// gx [outer, count, inner] of T in packs, or in single elements.
template <class T, int lanes>
void spread_packs(const char* op, const ReducePlan& plan, const Computed<T>* gy,
                  Computed<T> divisor, Device device, T* gx) {
  const std::int64_t packs = plan.inner / lanes;
  cuda::for_each(op, device, plan.outer * plan.count * packs, [=] __device__(std::int64_t i) {
    const Division row = divide(i, packs);
    const std::int64_t result = divide(row.quotient, plan.count).quotient * packs + row.remainder;
    auto share = cuda::load<Computed<T>, lanes>(gy + result * lanes);
#pragma unroll
    for (int k = 0; k < lanes; ++k) share.lane[k] /= divisor;
    cuda::store_as(gx + i * lanes, share);
  });
}

void spread(const char* op, const ReducePlan& plan, const Tensor& gy, double divisor, Tensor& gx) {
  visit_floating(op, gx.dtype(), [&]<class T>(Type<T>) {
    using R = Computed<T>;
    const R* const from = elements<R>(op, gy);
    T* const to = mutable_elements<T>(op, gx);
    cuda::visit_lanes_as<T>(
        plan.inner, {to}, {from}, [&]<int lanes>(std::integral_constant<int, lanes>) {
          spread_packs<T, lanes>(op, plan, from, static_cast<R>(divisor), gx.device(), to);
        });
  });
}

template <class T>
struct Squares {
  using Value = T;
  using Part = double;
  const double* means;
  double divisor;
  T* y;

  __device__ Part start() const { return 0; }
  __device__ void add(Part& part, T value, std::int64_t, std::int64_t result) const {
    const double distance = value - means[result];
    part += distance * distance;
  }
  __device__ void join(Part& part, const Part& other) const { part += other; }
  __device__ void finish(std::int64_t result, const Part& part) const {
    y[result] = static_cast<T>(part / divisor);
  }
};

void squares(const ReducePlan& plan, const Tensor& x, const Tensor& means, double divisor,
             Tensor& y) {
  visit_real("var", x.dtype(), [&]<class T>(Type<T>) {
    device::reduce(
        "var", x.device(), plan, elements<T>("var", x),
        Squares<T>{elements<double>("var", means), divisor, mutable_elements<T>("var", y)});
  });
}

/// The result that element `i` of [outer, count, inner] belongs to.
__device__ __forceinline__ std::int64_t result_of(const ReducePlan& plan, std::int64_t i) {
  const Division row = divide(i, plan.inner);
  return divide(row.quotient, plan.count).quotient * plan.inner + row.remainder;
}

template <class T>
void squares_gradient(const ReducePlan& plan, const Tensor& x, const Tensor& means, double divisor,
                      const Tensor& gy, Tensor& gx) {
  const T* const in = elements<T>("var", x);
  const double* const mean = elements<double>("var", means);
  const T* const grad = elements<T>("var", gy);
  T* const out = mutable_elements<T>("var", gx);
  cuda::for_each("var", x.device(), x.numel(), [=] __device__(std::int64_t i) {
    const std::int64_t result = result_of(plan, i);
    const double distance = in[i] - mean[result];
    out[i] = static_cast<T>(2 * distance / divisor * grad[result]);
  });
}

void squares_backward(const ReducePlan& plan, const Tensor& x, const Tensor& means, double divisor,
                      const Tensor& gy, Tensor& gx) {
  visit_real("var", x.dtype(),
             [&]<class T>(Type<T>) { squares_gradient<T>(plan, x, means, divisor, gy, gx); });
}

// --- extrema
// --------------------------------------------------------------------------------------

template <class T, Extremum which>
struct Best {
  struct Part {
    T value;
    std::int64_t position;  // -1: of no elements
  };
  using Value = T;
  T* values;
  std::int64_t* positions;

  __device__ Part start() const { return {0, -1}; }
  __device__ void add(Part& part, T value, std::int64_t place, std::int64_t) const {
    if (part.position < 0 || beats<which>(value, part.value)) part = {value, place};
  }
  /// The parts may come in any order: of equals, the first by position is best.
  __device__ void join(Part& part, const Part& other) const {
    if (other.position < 0) return;
    const bool equal = !beats<which>(part.value, other.value);
    if (part.position < 0 || beats<which>(other.value, part.value) ||
        (equal && other.position < part.position))
      part = other;
  }
  __device__ void finish(std::int64_t result, const Part& part) const {
    values[result] = part.value;
    positions[result] = part.position;
  }
};

template <class T, Extremum which>
void find_best(const char* op, const ReducePlan& plan, const Tensor& x, Tensor& values,
               Tensor& positions) {
  device::reduce(op, x.device(), plan, elements<T>(op, x),
                 Best<T, which>{mutable_elements<T>(op, values),
                                mutable_elements<std::int64_t>(op, positions)});
}

void extremum(const char* op, const ReducePlan& plan, Extremum which, const Tensor& x,
              Tensor& values, Tensor& positions) {
  visit_real(op, x.dtype(), [&]<class T>(Type<T>) {
    if (which == Extremum::largest)
      find_best<T, Extremum::largest>(op, plan, x, values, positions);
    else
      find_best<T, Extremum::smallest>(op, plan, x, values, positions);
  });
}

template <class T>
void give_gradients(const char* op, const ReducePlan& plan, const Tensor& positions,
                    const Tensor& gy, Tensor& gx) {
  const auto* const position = elements<std::int64_t>(op, positions);
  const T* const in = elements<T>(op, gy);
  T* const out = mutable_elements<T>(op, gx);
  cuda::for_each(op, gx.device(), plan.results(), [=] __device__(std::int64_t result) {
    const Division at = divide(result, plan.inner);
    out[(at.quotient * plan.count + position[result]) * plan.inner + at.remainder] = in[result];
  });
}

void extremum_backward(const char* op, const ReducePlan& plan, const Tensor& positions,
                       const Tensor& gy, Tensor& gx) {
  visit_real(op, gx.dtype(),
             [&]<class T>(Type<T>) { give_gradients<T>(op, plan, positions, gy, gx); });
}

const CudaKernel sum_kernel(sum_kernels, sum);
const CudaKernel spread_kernel(spread_kernels, spread);
const CudaKernel squares_kernel(squares_kernels, squares);
const CudaKernel squares_backward_kernel(squares_backward_kernels, squares_backward);
const CudaKernel extremum_kernel(extremum_kernels, extremum);
const CudaKernel extremum_backward_kernel(extremum_backward_kernels, extremum_backward);

}  // namespace
}  // namespace ranvier::detail
