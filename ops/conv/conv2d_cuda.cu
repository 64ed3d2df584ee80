// Which kernels convolve on CUDA devices.
//   1 x 1, stride 1, one group             a matrix product
//   f64                                    direct kernels, for checks
//   at most 4 input channels in a group    our own kernels, memory-bound (not the input gradient)
//   all else                               cuDNN, or direct kernels where it has none
// f32 operands are rounded to the compute dtype, by our own kernels where tensor cores take them.
// Results and gradients of 16 bit are written as such; only the direct kernels, which know f32 and
// f64, and cuDNN for an f32 gradient of x, need a conversion.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/conv/detail/conv_kernels.h"
#include "ranvier/ops/conv/detail/cuda_conv.h"
#include "ranvier/ops/conv/detail/cudnn.h"
#include "ranvier/ops/matmul/detail/cublaslt.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::computed_dtype;
using ranvier::detail::ConvShape;
using ranvier::detail::Gemm;
constexpr const char* op = "conv2d";

bool is_product(const ConvShape& s) {
  using Pair = std::array<std::int64_t, 2>;
  return s.kernel == Pair{1, 1} && s.stride == Pair{1, 1} && s.padding == Pair{0, 0} &&
         s.groups == 1;
}

// The dtype that operands of a convolution with an f32 or f64 result are multiplied in.
DType dtype_of_operands(const Tensor& result, DType compute) {
  return result.dtype() == DType::f64 ? DType::f64 : compute;
}

void multiply(const Gemm& spec, const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& c) {
  product(op, spec, operand(op, a, spec.compute), operand(op, b, spec.compute), bias, c);
}

// cuDNN takes arrays to write to for those to read from.
void* array(const Tensor& tensor) { return const_cast<std::byte*>(tensor.raw_data()); }

// Calls `write` with `result` if it holds `dtype`, or else with a tensor that is converted into it.
// False if `write` returns that.
template <class Write>
bool write_as(DType dtype, Tensor& result, Write&& write) {
  if (result.dtype() == dtype) return write(result);
  Tensor written = empty(result.shape(), {.dtype = dtype, .device = result.device()});
  if (!write(written)) return false;
  kernel_for(op, result.device(), ranvier::detail::convert_kernels)(written, result);
  return true;
}

void forward(const ConvShape& shape, const Tensor& x, const Tensor& weight, const Tensor& bias,
             DType compute, Tensor& y) {
  if (y.numel() == 0) return;
  const DType dtype = dtype_of_operands(y, compute);
  if (is_product(shape))
    return multiply({.m = y.numel() / shape.out, .n = shape.out, .k = shape.in, .compute = dtype},
                    x, weight, bias, y);
  if (serves_few_channels(shape, dtype)) return few_channels_forward(shape, x, weight, bias, y);
  if (dtype != DType::f64) {
    const Tensor in = operand(op, x, dtype), filter = filter_of(shape, weight, dtype);
    if (run_cudnn(ConvResult::y, shape, dtype, y.device(),
                  {array(in), array(filter), y.mutable_raw_data()})) {
      if (bias.defined()) add_to_rows(op, bias, y);
      return;
    }
  }
  write_as(computed_dtype(y.dtype()), y, [&](Tensor& wide) {
    direct_forward(shape, wide_operand(op, x), weight, bias, wide);
    return true;
  });
}

void input_gradient(const ConvShape& shape, const Tensor& gy, const Tensor& weight, DType compute,
                    Tensor& gx) {
  if (gx.numel() == 0) return;
  const DType dtype = dtype_of_operands(gx, compute);
  if (is_product(shape))
    return multiply({.m = gx.numel() / shape.in,
                     .n = shape.in,
                     .k = shape.out,
                     .transpose_b = true,
                     .compute = dtype},
                    gy, weight, {}, gx);
  if (dtype != DType::f64) {
    const Tensor in = operand(op, gy, dtype), filter = filter_of(shape, weight, dtype);
    if (write_as(dtype, gx, [&](Tensor& written) {
          return run_cudnn(ConvResult::x, shape, dtype, gx.device(),
                           {written.mutable_raw_data(), array(filter), array(in)});
        }))
      return;
  }
  write_as(computed_dtype(gx.dtype()), gx, [&](Tensor& wide) {
    direct_input_gradient(shape, wide_operand(op, gy), weight, wide);
    return true;
  });
}

void weight_gradient(const ConvShape& shape, const Tensor& x, const Tensor& gy, DType compute,
                     Tensor& gw) {
  if (gy.numel() == 0) return fill(gw, 0);
  const DType dtype = dtype_of_operands(gw, compute);
  if (is_product(shape))
    return multiply({.m = shape.in,
                     .n = shape.out,
                     .k = gy.numel() / shape.out,
                     .transpose_a = true,
                     .compute = dtype},
                    x, gy, {}, gw);
  if (serves_few_channels(shape, dtype)) return few_channels_weight_gradient(shape, x, gy, gw);
  if (dtype != DType::f64) {
    const Tensor in = operand(op, x, dtype), gradient = operand(op, gy, dtype);
    const Tensor filter = empty({shape.weight_elements()}, {.dtype = dtype, .device = gw.device()});
    if (run_cudnn(ConvResult::filter, shape, dtype, gw.device(),
                  {array(in), array(filter), array(gradient)}))
      return weight_of(shape, filter, gw);
  }
  direct_weight_gradient(shape, wide_operand(op, x), wide_operand(op, gy), gw);
}

const CudaKernel forward_kernel(ranvier::detail::conv_forward_kernels, forward);
const CudaKernel input_gradient_kernel(ranvier::detail::conv_input_gradient_kernels,
                                       input_gradient);
const CudaKernel weight_gradient_kernel(ranvier::detail::conv_weight_gradient_kernels,
                                        weight_gradient);

}  // namespace
}  // namespace ranvier::cuda
