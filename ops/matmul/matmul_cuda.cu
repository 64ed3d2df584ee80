// Linear layers and their gradients on CUDA devices.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/matmul/detail/cublaslt.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Gemm;

std::int64_t rows_of(const Tensor& x) { return x.shape().sub(0, x.rank() - 1).numel(); }

// The dtype that operands of a product with an f32 or f64 result are multiplied in.
DType dtype_of_operands(const Tensor& result, DType compute) {
  return result.dtype() == DType::f64 ? DType::f64 : compute;
}

void multiply(const char* op, const Gemm& spec, const Tensor& a, const Tensor& b,
              const Tensor& bias, Tensor& c) {
  product(op, spec, operand(op, a, spec.compute), operand(op, b, spec.compute), bias, c);
}

void forward(const Tensor& x, const Tensor& weight, const Tensor& bias, DType compute, Tensor& y) {
  multiply("linear",
           {.m = rows_of(x),
            .n = weight.size(1),
            .k = weight.size(0),
            .compute = dtype_of_operands(y, compute)},
           x, weight, bias, y);
}

void input_gradient(const Tensor& gy, const Tensor& weight, DType compute, Tensor& gx) {
  multiply("linear",
           {.m = rows_of(gy),
            .n = weight.size(0),
            .k = weight.size(1),
            .transpose_b = true,
            .compute = dtype_of_operands(gx, compute)},
           gy, weight, {}, gx);
}

void weight_gradient(const Tensor& x, const Tensor& gy, DType compute, Tensor& gw, Tensor& gb) {
  constexpr const char* op = "linear";
  const Gemm spec{.m = x.size(-1),
                  .n = gy.size(-1),
                  .k = rows_of(gy),
                  .transpose_a = true,
                  .compute = dtype_of_operands(gw, compute)};
  product_and_sums(op, spec, operand(op, x, spec.compute), operand(op, gy, spec.compute), gw, gb);
}

const CudaKernel forward_kernel(ranvier::detail::linear_forward_kernels, forward);
const CudaKernel input_gradient_kernel(ranvier::detail::linear_input_gradient_kernels,
                                       input_gradient);
const CudaKernel weight_gradient_kernel(ranvier::detail::linear_weight_gradient_kernels,
                                        weight_gradient);

}  // namespace
}  // namespace ranvier::cuda
