// Our own convolution kernels for CUDA devices, and the layout of cuDNN's filters.
#pragma once

#include "ranvier/core/tensor.h"
#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::cuda {

/// f32 weight [kh, kw, in / groups, out] as a filter [out, kh, kw, in / groups] of `compute`.
Tensor filter_of(const ranvier::detail::ConvShape& shape, const Tensor& weight, DType compute);
/// The filter of any such dtype as the f32 weight `weight`.
void weight_of(const ranvier::detail::ConvShape& shape, const Tensor& filter, Tensor& weight);

// For any shape, f32 or f64, one output a thread: for checks, and where nothing else serves.

void direct_forward(const ranvier::detail::ConvShape& shape, const Tensor& x, const Tensor& weight,
                    const Tensor& bias, Tensor& y);
void direct_input_gradient(const ranvier::detail::ConvShape& shape, const Tensor& gy,
                           const Tensor& weight, Tensor& gx);
void direct_weight_gradient(const ranvier::detail::ConvShape& shape, const Tensor& x,
                            const Tensor& gy, Tensor& gw);

// For few input channels in a group: the first layer of a network, depthwise layers. x is f32 or of
// 16 bit or packed spikes, y f32 or of 16 bit; products and sums are f32.

/// True if the kernels below serve: few channels, sizes that fit 32-bit indices, not f64.
bool serves_few_channels(const ranvier::detail::ConvShape& shape, DType compute);
void few_channels_forward(const ranvier::detail::ConvShape& shape, const Tensor& x,
                          const Tensor& weight, const Tensor& bias, Tensor& y);
/// Sums over fixed parts of the pixels, then over the parts in order.
void few_channels_weight_gradient(const ranvier::detail::ConvShape& shape, const Tensor& x,
                                  const Tensor& gy, Tensor& gw);

// The same on tensor cores, with operands rounded to 16 bit. False, and nothing is done, where they
// do not serve: y or gy of f32, several groups, output channels that are no multiple of 8, too many
// rows of the weight for shared memory.

bool few_channels_forward_in_tiles(const ranvier::detail::ConvShape& shape, const Tensor& x,
                                   const Tensor& weight, const Tensor& bias, Tensor& y);
bool few_channels_weight_gradient_in_tiles(const ranvier::detail::ConvShape& shape, const Tensor& x,
                                           const Tensor& gy, Tensor& gw);

}  // namespace ranvier::cuda
