// The sizes of one convolution, images folded into one axis.
#pragma once

#include <array>
#include <cstdint>

#include "ranvier/ops/conv/conv2d.h"

namespace ranvier::detail {

/// Input [images, height, width, in], output [images, out_height, out_width, out], weight
/// [kernel[0], kernel[1], in / groups, out].
struct ConvShape {
  std::int64_t images = 0, height = 0, width = 0, in = 0;
  std::int64_t out_height = 0, out_width = 0, out = 0;
  std::array<std::int64_t, 2> kernel{}, stride{}, padding{}, dilation{};
  std::int64_t groups = 1;

  auto operator<=>(const ConvShape&) const = default;

  std::int64_t in_pixels() const { return height * width; }
  std::int64_t out_pixels() const { return out_height * out_width; }
  std::int64_t taps() const { return kernel[0] * kernel[1]; }
  /// True if channels are too few for matrix products with them to be worth a pass over the images.
  bool has_few_channels() const { return in / groups <= 4; }
  std::int64_t weight_elements() const { return taps() * (in / groups) * out; }
  /// The same convolution of `count` images.
  ConvShape of_images(std::int64_t count) const {
    ConvShape result = *this;
    result.images = count;
    return result;
  }
};

/// The sizes of `conv2d(x, weight, bias, options)`. Error: they do not fit each other.
ConvShape conv_shape(const Shape& x, const Shape& weight, const Conv2dOptions& options);

/// Images whose weight gradients are summed at once: many, so that partial gradients are few and
/// stay small; at least 1, and a function of the shape only.
std::int64_t images_per_gradient_part(const ConvShape& shape);

}  // namespace ranvier::detail
