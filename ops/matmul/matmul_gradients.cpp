#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::detail {
Tensor gradient_of_input(const char* op, const Tensor& gy, const Tensor& weight, const Shape& shape,
                         DType compute) {
  Tensor gx = empty(shape, {.dtype = gy.dtype(), .device = gy.device()});
  kernel_for(op, gy.device(), linear_input_gradient_kernels)(gy, weight, compute, gx);
  return gx;
}

Tensor gradient_of_weight(const char* op, const Tensor& x, const Tensor& gy, DType compute) {
  Tensor gw = empty({x.size(-1), gy.size(-1)}, {.dtype = gy.dtype(), .device = gy.device()});
  kernel_for(op, gy.device(), linear_weight_gradient_kernels)(x, gy, compute, gw);
  return gw;
}

Tensor gradient_of_bias(const char* op, const Tensor& gy) {
  Tensor gb = empty({gy.size(-1)}, {.dtype = gy.dtype(), .device = gy.device()});
  kernel_for(op, gy.device(), bias_gradient_kernels)(gy, gb);
  return gb;
}

}  // namespace ranvier::detail
