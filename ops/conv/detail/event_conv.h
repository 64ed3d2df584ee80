// Event-driven convolutions of packed spikes: one group of channels, f32 weights and gradients.
#pragma once

#include <cstdint>

#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::detail {

/// y = conv(spikes, weight) + bias (null for none), of the images whose byte in `chosen` is not 0
/// (null for all). Each output is summed in the order of the kernel's rows, columns and channels.
void event_conv_forward(const ConvShape& shape, const std::uint64_t* spikes, const float* weight,
                        const float* bias, const std::uint8_t* chosen, float* y);

/// gw = the weight gradient, summed over fixed groups of images, then over the groups in order.
void event_conv_weight_gradient(const ConvShape& shape, const std::uint64_t* spikes,
                                const float* gy, float* gw);

}  // namespace ranvier::detail
