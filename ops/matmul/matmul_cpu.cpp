#include "ranvier/ops/matmul/detail/gemm.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::detail {
namespace {

std::int64_t rows_of(const Tensor& x) { return x.shape().sub(0, x.rank() - 1).numel(); }

Operand operand(const Tensor& x) { return {x.raw_data(), x.dtype(), x.size(-1)}; }

template <class T>
const T* array_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

void product(const Gemm& spec, const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& c) {
  if (c.dtype() == DType::f64)
    gemm(spec, a.data<double>(), b.data<double>(), array_or_null<double>(bias),
         c.mutable_data<double>());
  else
    gemm(spec, operand(a), operand(b), array_or_null<float>(bias), c.mutable_data<float>());
}

}  // namespace

void linear_forward_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, DType compute,
                        Tensor& y) {
  const Gemm spec{.m = rows_of(x), .n = weight.size(1), .k = weight.size(0), .compute = compute};
  product(spec, x, weight, bias, y);
}

void linear_input_gradient_cpu(const Tensor& gy, const Tensor& weight, DType compute, Tensor& gx) {
  const Gemm spec{.m = rows_of(gy),
                  .n = weight.size(0),
                  .k = weight.size(1),
                  .transpose_b = true,
                  .compute = compute};
  product(spec, gy, weight, {}, gx);
}

void linear_weight_gradient_cpu(const Tensor& x, const Tensor& gy, DType compute, Tensor& gw) {
  const Gemm spec{
      .m = x.size(-1), .n = gy.size(-1), .k = rows_of(gy), .transpose_a = true, .compute = compute};
  product(spec, x, gy, {}, gw);
}

void bias_gradient_cpu(const Tensor& gy, Tensor& gb) {
  if (gy.dtype() == DType::f64)
    column_sums(gy.data<double>(), rows_of(gy), gy.size(-1), gb.mutable_data<double>());
  else
    column_sums(gy.data<float>(), rows_of(gy), gy.size(-1), gb.mutable_data<float>());
}

}  // namespace ranvier::detail
