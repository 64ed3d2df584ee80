#include "ranvier/ops/conv/detail/conv_dense.h"
#include "ranvier/ops/conv/detail/conv_kernels.h"
#include "ranvier/ops/conv/detail/event_conv.h"
#include "ranvier/ops/spikes/detail/event_choice.h"

namespace ranvier::detail {
namespace {

Operand pixels(const Tensor& x) { return {x.raw_data(), x.dtype(), x.size(-1)}; }

// What is summed for an output.
std::int64_t depth(const ConvShape& s) { return s.taps() * s.in; }

bool may_be_event_driven(const ConvShape& s, const Tensor& x) {
  constexpr std::int64_t least_depth = 128;  // every pixel lists its taps first
  return x.dtype() == DType::bits && s.groups == 1 && depth(s) >= least_depth;
}

bool gradient_by_events(const ConvShape& s, const Tensor& x, DType compute) {
  constexpr std::int64_t least_channels = 8;  // their lists share the table of gradients
  return s.groups == 1 && s.in >= least_channels &&
         choose_events(
             {&EventThresholds::conv_weight_gradient, compute, s.images * s.out_pixels(), s.out},
             x);
}

void input_gradient(const ConvShape& shape, const Tensor& gy, const Tensor& weight, DType compute,
                    Tensor& gx) {
  if (gx.dtype() == DType::f64)
    return conv_input_gradient(shape, gy.data<double>(), weight.data<double>(),
                               gx.mutable_data<double>());
  conv_input_gradient(shape, gy.data<float>(), weight.data<float>(), compute,
                      gx.mutable_data<float>());
}

void weight_gradient(const ConvShape& shape, const Tensor& x, const Tensor& gy, DType compute,
                     Tensor& gw) {
  if (gw.dtype() == DType::f64)
    return conv_weight_gradient(shape, x.data<double>(), gy.data<double>(),
                                gw.mutable_data<double>());
  if (gradient_by_events(shape, x, compute))
    return event_conv_weight_gradient(shape, x.data<std::uint64_t>(), gy.data<float>(),
                                      gw.mutable_data<float>());
  conv_weight_gradient(shape, pixels(x), gy.data<float>(), compute, gw.mutable_data<float>());
}

void forward(const ConvShape& shape, const Tensor& x, const Tensor& weight, const Tensor& bias,
             DType compute, Tensor& y) {
  if (y.dtype() == DType::f64)
    return conv_forward(shape, x.data<double>(), weight.data<double>(),
                        bias.defined() ? bias.data<double>() : nullptr, y.mutable_data<double>());
  const float* const bias_array = bias.defined() ? bias.data<float>() : nullptr;
  float* const out = y.mutable_data<float>();
  if (!may_be_event_driven(shape, x))
    return conv_forward(shape, pixels(x), weight.data<float>(), bias_array, compute, out);
  const EventChoice choice({&EventThresholds::conv_forward, compute, depth(shape), shape.out}, x,
                           shape.images, shape.in_pixels() * words_per_row(shape.in),
                           shape.in_pixels() * shape.in);
  if (choice.events() > 0) {
    const RoundedArray rounded(weight.data<float>(), weight.numel(), compute);
    event_conv_forward(shape, x.data<std::uint64_t>(), rounded.data(), bias_array, choice.flags(),
                       out);
  }
  if (choice.events() < shape.images)
    conv_forward(shape, pixels(x), weight.data<float>(), bias_array, compute, out, choice.flags());
}

}  // namespace

constinit DeviceKernels<ConvForwardKernel> conv_forward_kernels{.cpu = forward};
constinit DeviceKernels<ConvInputGradientKernel> conv_input_gradient_kernels{.cpu = input_gradient};
constinit DeviceKernels<ConvWeightGradientKernel> conv_weight_gradient_kernels{.cpu =
                                                                                   weight_gradient};

}  // namespace ranvier::detail
