#include "ranvier/ops/conv/conv2d.h"

#include <algorithm>
#include <bit>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/conv/detail/conv_kernels.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"

namespace ranvier {
namespace {

using detail::ConvShape;

struct Conv2dBackward final : Node {
  Conv2dBackward(const ConvShape& shape_in, const Tensor& x_in, const Shape& weight_in,
                 DType compute_in)
      : shape(shape_in), x_form(x_in), weight_shape(weight_in), compute(compute_in) {}
  Saved x;  // as it was multiplied
  Saved weight;
  ConvShape shape;
  detail::GradientForm x_form;
  Shape weight_shape;
  DType compute;

  const char* name() const override { return "Conv2dBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& gy = grads[0];
    std::vector<Tensor> result(3);
    if (needs(0)) {
      result[0] = x_form.empty_on(gy.device());
      kernel_for("conv2d", gy.device(), detail::conv_input_gradient_kernels)(
          shape, gy, weight.get(), compute, result[0]);
    }
    if (needs(1)) {
      result[1] =
          empty(weight_shape, {.dtype = detail::parameter_dtype(gy), .device = gy.device()});
      kernel_for("conv2d", gy.device(), detail::conv_weight_gradient_kernels)(shape, x.get(), gy,
                                                                              compute, result[1]);
    }
    if (needs(2)) result[2] = detail::gradient_of_bias("conv2d", gy);
    return result;
  }
  void release() override {
    x.reset();
    weight.reset();
  }
};

void check_tensors(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  RV_CHECK(weight.dtype() == DType::f32 || weight.dtype() == DType::f64,
           "[conv2d] weight must be f32 or f64; got {}.", weight.dtype());
  RV_CHECK(detail::can_multiply(x, weight),
           "[conv2d] x must have weight's dtype, or be 16-bit floats or packed spikes with an f32 "
           "weight; got x {} and weight {}.",
           x.dtype(), weight.dtype());
  RV_CHECK(x.device() == weight.device(),
           "[conv2d] x and weight must be on one device; got {} and {}.", x.device(),
           weight.device());
  if (!bias.defined()) return;
  RV_CHECK(bias.shape() == Shape{weight.size(-1)}, "[conv2d] bias must be ({},); got {}.",
           weight.size(-1), bias.shape());
  RV_CHECK(bias.dtype() == weight.dtype() && bias.device() == weight.device(),
           "[conv2d] bias must be {} on {} as weight is; got {} on {}.", weight.dtype(),
           weight.device(), bias.dtype(), bias.device());
}

void check_options(const Conv2dOptions& o) {
  RV_CHECK(o.stride[0] >= 1 && o.stride[1] >= 1, "[conv2d] stride must be >= 1; got {} x {}.",
           o.stride[0], o.stride[1]);
  RV_CHECK(o.padding[0] >= 0 && o.padding[1] >= 0, "[conv2d] padding must be >= 0; got {} x {}.",
           o.padding[0], o.padding[1]);
  RV_CHECK(o.dilation[0] >= 1 && o.dilation[1] >= 1, "[conv2d] dilation must be >= 1; got {} x {}.",
           o.dilation[0], o.dilation[1]);
  RV_CHECK(o.groups >= 1, "[conv2d] groups must be >= 1; got {}.", o.groups);
}

}  // namespace

namespace detail {

ConvShape conv_shape(const Shape& x, const Shape& weight, const Conv2dOptions& o) {
  check_options(o);
  RV_CHECK(x.rank() == 4 || x.rank() == 5,
           "[conv2d] x must be (B, H, W, C) or (T, B, H, W, C); got {}.", x);
  RV_CHECK(weight.rank() == 4, "[conv2d] weight must be (kh, kw, in / groups, out); got {}.",
           weight);
  RV_CHECK(weight.numel() > 0, "[conv2d] weight must not be empty; got {}.", weight);
  RV_CHECK(x[-1] == weight[2] * o.groups,
           "[conv2d] the channels of x must be groups times weight's third axis; got x {}, weight "
           "{} and groups {}.",
           x, weight, o.groups);
  RV_CHECK(weight[3] % o.groups == 0,
           "[conv2d] weight's last axis must be a multiple of groups; got {} and {}.", weight,
           o.groups);
  ConvShape shape{.images = x.sub(0, x.rank() - 3).numel(),
                  .height = x[-3],
                  .width = x[-2],
                  .in = x[-1],
                  .out = weight[3],
                  .kernel = {weight[0], weight[1]},
                  .stride = o.stride,
                  .padding = o.padding,
                  .dilation = o.dilation,
                  .groups = o.groups};
  const auto room = [&](std::size_t axis, std::int64_t extent) {
    return extent + 2 * o.padding[axis] - o.dilation[axis] * (shape.kernel[axis] - 1) - 1;
  };
  RV_CHECK(x[-3] > 0 && x[-2] > 0 && room(0, x[-3]) >= 0 && room(1, x[-2]) >= 0,
           "[conv2d] the padded image must be at least as large as the dilated kernel; got x {}, "
           "weight {}, padding {} x {} and dilation {} x {}.",
           x, weight, o.padding[0], o.padding[1], o.dilation[0], o.dilation[1]);
  shape.out_height = room(0, x[-3]) / o.stride[0] + 1;
  shape.out_width = room(1, x[-2]) / o.stride[1] + 1;
  return shape;
}

std::int64_t images_per_gradient_part(const ConvShape& s) {
  constexpr std::int64_t most_parts = 16, least_parts = 2, most_floats = 1 << 23;
  const std::int64_t parts = std::clamp(most_floats / s.weight_elements(), least_parts, most_parts);
  const auto whole = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(parts)));
  return std::max<std::int64_t>(1, (s.images + whole - 1) / whole);
}

}  // namespace detail

Tensor conv2d(const Tensor& given, const Tensor& weight, const Tensor& bias,
              Conv2dOptions options) {
  const OperationScope operation("conv2d");
  const ConvShape shape = detail::conv_shape(given.shape(), weight.shape(), options);
  check_tensors(given, weight, bias);
  const DType compute = autocast_dtype(given.device());
  const Tensor x = detail::product_input(given, compute);
  const Shape y_shape =
      x.shape().sub(0, x.rank() - 3).concat(Shape{shape.out_height, shape.out_width, shape.out});
  Tensor y =
      empty(y_shape, {.dtype = detail::product_dtype(weight, compute), .device = weight.device()});
  const Tensor in = shape.has_few_channels() ? x : detail::product_operand(x, compute);
  kernel_for("conv2d", x.device(), detail::conv_forward_kernels)(shape, in, weight, bias, compute,
                                                                 y);
  if (grad_needed({x, weight, bias})) {
    auto node = std::make_shared<Conv2dBackward>(shape, x, weight.shape(), compute);
    if (weight.requires_grad()) node->x = in;
    if (x.requires_grad()) node->weight = weight;
    attach(std::move(node), {x, weight, bias}, {y});
  }
  return y;
}

}  // namespace ranvier
