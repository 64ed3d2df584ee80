// What tensors themselves need of a CUDA device.
#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/cuda_map.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

// nvcc wants device lambdas in functions of their own, not within the lambdas that visit dtypes.
template <class T>
void fill_elements(Tensor& target, double value) {
  const T element = ranvier::detail::convert<double, T>(value);
  map(
      "fill", target.device(), target.numel(), [=] __device__() { return element; },
      mutable_elements<T>("fill", target));
}

void fill(Tensor& target, double value) {
  ranvier::detail::visit_numeric(target.dtype(),
                                 [&]<class T>(Type<T>) { fill_elements<T>(target, value); });
}

template <class From, class To>
void convert_elements(const Tensor& source, Tensor& result) {
  map(
      "to", source.device(), source.numel(),
      [] __device__(From value) { return ranvier::detail::convert<From, To>(value); },
      mutable_elements<To>("to", result), elements<From>("to", source));
}

void convert(const Tensor& source, Tensor& result) {
  ranvier::detail::visit_numeric(source.dtype(), [&]<class From>(Type<From>) {
    ranvier::detail::visit_numeric(
        result.dtype(), [&]<class To>(Type<To>) { convert_elements<From, To>(source, result); });
  });
}

template <class R>
void accumulate_elements(const Tensor& a, const Tensor& b, Tensor& result) {
  map(
      "accumulate", a.device(), a.numel(),
      [] __device__(R left, R right) {
        using Sum = ranvier::detail::Computed<R>;
        return narrow<R>(widen<Sum>(left) + widen<Sum>(right));
      },
      mutable_elements<R>("accumulate", result), elements<R>("accumulate", a),
      elements<R>("accumulate", b));
}

void accumulate(const Tensor& a, const Tensor& b, Tensor& result) {
  ranvier::detail::visit_floating("accumulate", a.dtype(),
                                  [&]<class R>(Type<R>) { accumulate_elements<R>(a, b, result); });
}

const CudaKernel fill_kernel(ranvier::detail::fill_kernels, fill);
const CudaKernel convert_kernel(ranvier::detail::convert_kernels, convert);
const CudaKernel accumulate_kernel(ranvier::detail::accumulate_kernels, accumulate);

}  // namespace
}  // namespace ranvier::cuda
