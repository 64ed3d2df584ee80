// What tensors themselves need of a CUDA device.
#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

// nvcc wants device lambdas in functions of their own, not within the lambdas that visit dtypes.
template <class T>
void fill_elements(Tensor& target, double value) {
  T* const out = mutable_elements<T>("fill", target);
  const T element = ranvier::detail::from_double<T>(value);
  for_each("fill", target.device(), target.numel(),
           [=] __device__(std::int64_t i) { out[i] = element; });
}

void fill(Tensor& target, double value) {
  ranvier::detail::visit_numeric(target.dtype(),
                                 [&]<class T>(Type<T>) { fill_elements<T>(target, value); });
}

template <class From, class To>
void convert_elements(const Tensor& source, Tensor& result) {
  const From* const in = elements<From>("to", source);
  To* const out = mutable_elements<To>("to", result);
  for_each("to", source.device(), source.numel(),
           [=] __device__(std::int64_t i) { out[i] = ranvier::detail::convert<From, To>(in[i]); });
}

void convert(const Tensor& source, Tensor& result) {
  ranvier::detail::visit_numeric(source.dtype(), [&]<class From>(Type<From>) {
    ranvier::detail::visit_numeric(
        result.dtype(), [&]<class To>(Type<To>) { convert_elements<From, To>(source, result); });
  });
}

template <class R>
void accumulate_elements(const Tensor& a, const Tensor& b, Tensor& result) {
  const R* const left = elements<R>("accumulate", a);
  const R* const right = elements<R>("accumulate", b);
  R* const out = mutable_elements<R>("accumulate", result);
  for_each("accumulate", a.device(), a.numel(),
           [=] __device__(std::int64_t i) { out[i] = left[i] + right[i]; });
}

void accumulate(const Tensor& a, const Tensor& b, Tensor& result) {
  ranvier::detail::visit_real("accumulate", a.dtype(),
                              [&]<class R>(Type<R>) { accumulate_elements<R>(a, b, result); });
}

const CudaKernel fill_kernel(ranvier::detail::fill_kernels, fill);
const CudaKernel convert_kernel(ranvier::detail::convert_kernels, convert);
const CudaKernel accumulate_kernel(ranvier::detail::accumulate_kernels, accumulate);

}  // namespace
}  // namespace ranvier::cuda
