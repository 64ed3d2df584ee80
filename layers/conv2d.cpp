#include "ranvier/layers/conv2d.h"

#include "ranvier/core/autocast.h"
#include "ranvier/layers/init.h"

namespace ranvier {

Conv2d::Conv2d(Conv2dLayerOptions o) : options(o.conv), autocast(o.autocast) {
  const std::int64_t groups = o.conv.groups;
  RV_CHECK(o.in >= 1 && o.out >= 1, "[Conv2d] in and out must be >= 1; got {} and {}.", o.in,
           o.out);
  RV_CHECK(o.kernel[0] >= 1 && o.kernel[1] >= 1, "[Conv2d] the kernel must be >= 1; got {} x {}.",
           o.kernel[0], o.kernel[1]);
  RV_CHECK(groups >= 1 && o.in % groups == 0 && o.out % groups == 0,
           "[Conv2d] in and out must be multiples of groups; got {}, {} and {}.", o.in, o.out,
           groups);
  const std::int64_t fan_in = o.kernel[0] * o.kernel[1] * (o.in / groups);
  weight = init_uniform_fan_in({o.kernel[0], o.kernel[1], o.in / groups, o.out}, fan_in);
  if (o.bias) bias = init_uniform_fan_in({o.out}, fan_in);
}

Tensor Conv2d::operator()(const Tensor& x) const {
  const AutocastGuard guard(autocast ? autocast_dtype(x.device()) : DType::f32, x.device());
  return conv2d(x, weight, bias, options);
}

void Conv2d::visit(Visitor& visitor) {
  visitor.parameter("weight", weight);
  if (bias.defined()) visitor.parameter("bias", bias);
}

std::int64_t Conv2d::multiply_adds(const Shape& output) const {
  return weight.numel() * output[-3] * output[-2];
}

}  // namespace ranvier
