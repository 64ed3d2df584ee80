#include "ranvier/ops/conv/detail/conv_dense.h"
#include "ranvier/ops/conv/detail/conv_kernels.h"

namespace ranvier::detail {
namespace {

Operand pixels(const Tensor& x) { return {x.raw_data(), x.dtype(), x.size(-1)}; }

}  // namespace

void conv_forward_cpu(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                      const Tensor& bias, DType compute, Tensor& y) {
  if (y.dtype() == DType::f64)
    return conv_forward(shape, x.data<double>(), weight.data<double>(),
                        bias.defined() ? bias.data<double>() : nullptr, y.mutable_data<double>());
  conv_forward(shape, pixels(x), weight.data<float>(),
               bias.defined() ? bias.data<float>() : nullptr, compute, y.mutable_data<float>());
}

void conv_input_gradient_cpu(const ConvShape& shape, const Tensor& gy, const Tensor& weight,
                             DType compute, Tensor& gx) {
  if (gx.dtype() == DType::f64)
    return conv_input_gradient(shape, gy.data<double>(), weight.data<double>(),
                               gx.mutable_data<double>());
  conv_input_gradient(shape, gy.data<float>(), weight.data<float>(), compute,
                      gx.mutable_data<float>());
}

void conv_weight_gradient_cpu(const ConvShape& shape, const Tensor& x, const Tensor& gy,
                              DType compute, Tensor& gw) {
  if (gw.dtype() == DType::f64)
    return conv_weight_gradient(shape, x.data<double>(), gy.data<double>(),
                                gw.mutable_data<double>());
  conv_weight_gradient(shape, pixels(x), gy.data<float>(), compute, gw.mutable_data<float>());
}

}  // namespace ranvier::detail
