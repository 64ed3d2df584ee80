#include "ranvier/ops/matmul/detail/matmul_gradients.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/rounded_copy.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier::detail {
namespace {

bool is_narrow(const Tensor& x) { return computed_dtype(x.dtype()) != x.dtype(); }

Tensor empty_weight(const Tensor& x, const Tensor& gy) {
  return empty({x.size(-1), gy.size(-1)}, {.dtype = parameter_dtype(gy), .device = gy.device()});
}

Tensor empty_bias(const Tensor& gy) {
  return empty({gy.size(-1)}, {.dtype = parameter_dtype(gy), .device = gy.device()});
}

}  // namespace

bool can_multiply(const Tensor& x, const Tensor& weight) {
  return x.dtype() == weight.dtype() ||
         (weight.dtype() == DType::f32 && (is_narrow(x) || x.dtype() == DType::bits));
}

Tensor product_input(const Tensor& x, DType compute) {
  if (!is_narrow(x)) return x;
  return x.to(x.device() == cpu_device ? DType::f32 : compute);
}

DType product_dtype(const Tensor& operand, DType compute) {
  if (operand.dtype() == DType::f64) return DType::f64;
  return operand.device() == cpu_device ? DType::f32 : compute;
}

DType parameter_dtype(const Tensor& gy) {
  return gy.dtype() == DType::f64 ? DType::f64 : DType::f32;
}

Tensor product_operand(const Tensor& x, DType compute) {
  const bool rounded = x.device() != cpu_device && x.dtype() == DType::f32;
  return rounded ? x.detach().to(compute) : x;
}

Tensor product_weight(const Tensor& weight, DType compute) {
  const bool rounded =
      weight.device() != cpu_device && weight.dtype() == DType::f32 && compute != DType::f32;
  const bool parameter = weight.is_leaf() && weight.requires_grad();
  return rounded && parameter ? rounded_copy(weight, compute) : product_operand(weight, compute);
}

GradientForm::GradientForm(const Tensor& operand)
    : shape(operand.shape()),
      dtype(operand.dtype() == DType::bits ? DType::f32 : operand.dtype()) {}

Tensor GradientForm::empty_on(Device device) const {
  return empty(shape, {.dtype = dtype, .device = device});
}

Tensor gradient_of_input(const char* op, const Tensor& gy, const Tensor& weight,
                         const GradientForm& form, DType compute) {
  Tensor gx = form.empty_on(gy.device());
  kernel_for(op, gy.device(), linear_input_gradient_kernels)(gy, weight, compute, gx);
  return gx;
}

Tensor gradient_of_weight(const char* op, const Tensor& x, const Tensor& gy, DType compute) {
  Tensor gw = empty_weight(x, gy), none;
  kernel_for(op, gy.device(), linear_weight_gradient_kernels)(x, gy, compute, gw, none);
  return gw;
}

std::pair<Tensor, Tensor> gradients_of_layer(const char* op, const Tensor& x, const Tensor& gy,
                                             DType compute) {
  Tensor gw = empty_weight(x, gy), gb = empty_bias(gy);
  kernel_for(op, gy.device(), linear_weight_gradient_kernels)(x, gy, compute, gw, gb);
  return {gw, gb};
}

Tensor gradient_of_bias(const char* op, const Tensor& gy) {
  Tensor gb = empty_bias(gy);
  kernel_for(op, gy.device(), bias_gradient_kernels)(gy, gb);
  return gb;
}

}  // namespace ranvier::detail
