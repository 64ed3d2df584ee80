#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::detail {
namespace {
/// Results are f32 although operands may have been rounded to 16 bit.
DType result_dtype(const Tensor& operand) {
  return operand.dtype() == DType::f64 ? DType::f64 : DType::f32;
}
}  // namespace

Tensor product_operand(const Tensor& x, DType compute) {
  const bool rounded = x.device() != cpu_device && x.dtype() == DType::f32;
  return rounded ? x.detach().to(compute) : x;
}

Tensor gradient_of_input(const char* op, const Tensor& gy, const Tensor& weight, const Shape& shape,
                         DType compute) {
  Tensor gx = empty(shape, {.dtype = result_dtype(gy), .device = gy.device()});
  kernel_for(op, gy.device(), linear_input_gradient_kernels)(gy, weight, compute, gx);
  return gx;
}

Tensor gradient_of_weight(const char* op, const Tensor& x, const Tensor& gy, DType compute) {
  Tensor gw = empty({x.size(-1), gy.size(-1)}, {.dtype = result_dtype(gy), .device = gy.device()});
  kernel_for(op, gy.device(), linear_weight_gradient_kernels)(x, gy, compute, gw);
  return gw;
}

Tensor gradient_of_bias(const char* op, const Tensor& gy) {
  Tensor gb = empty({gy.size(-1)}, {.dtype = gy.dtype(), .device = gy.device()});
  kernel_for(op, gy.device(), bias_gradient_kernels)(gy, gb);
  return gb;
}

}  // namespace ranvier::detail
