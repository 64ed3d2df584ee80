#include "ranvier/layers/linear.h"

#include "ranvier/core/autocast.h"
#include "ranvier/layers/init.h"
#include "ranvier/ops/matmul/linear.h"

namespace ranvier {

Linear::Linear(LinearOptions options) : autocast(options.autocast) {
  RV_CHECK(options.in >= 1 && options.out >= 1, "[Linear] in and out must be >= 1; got {} and {}.",
           options.in, options.out);
  weight = init_uniform_fan_in({options.in, options.out}, options.in);
  if (options.bias) bias = init_uniform_fan_in({options.out}, options.in);
}

Tensor Linear::operator()(const Tensor& x) const {
  const AutocastGuard guard(autocast ? autocast_dtype(x.device()) : DType::f32, x.device());
  return linear(x, weight, bias);
}

void Linear::visit(Visitor& visitor) {
  visitor.parameter("weight", weight);
  if (bias.defined()) visitor.parameter("bias", bias);
}

std::int64_t Linear::multiply_adds(const Shape&) const { return weight.numel(); }

}  // namespace ranvier
