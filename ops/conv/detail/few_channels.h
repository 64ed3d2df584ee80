// How the kernels for few input channels find what an output pixel sees.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::cuda {

/// A ConvShape in 32 bits.
struct Sizes {
  int height, width, in, out_height, out_width, out;
  int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x, dilation_y, dilation_x;
  int group_in, group_out;
  int image;        ///< values of an image of x
  unsigned pixels;  ///< of all images of y

  explicit Sizes(const ranvier::detail::ConvShape& s)
      : height(static_cast<int>(s.height)),
        width(static_cast<int>(s.width)),
        in(static_cast<int>(s.in)),
        out_height(static_cast<int>(s.out_height)),
        out_width(static_cast<int>(s.out_width)),
        out(static_cast<int>(s.out)),
        kernel_height(static_cast<int>(s.kernel[0])),
        kernel_width(static_cast<int>(s.kernel[1])),
        stride_y(static_cast<int>(s.stride[0])),
        stride_x(static_cast<int>(s.stride[1])),
        padding_y(static_cast<int>(s.padding[0])),
        padding_x(static_cast<int>(s.padding[1])),
        dilation_y(static_cast<int>(s.dilation[0])),
        dilation_x(static_cast<int>(s.dilation[1])),
        group_in(static_cast<int>(s.in / s.groups)),
        group_out(static_cast<int>(s.out / s.groups)),
        image(static_cast<int>(s.in_pixels() * s.in)),
        pixels(static_cast<unsigned>(s.images * s.out_pixels())) {}
};

/// An output pixel, and where the window that it sees begins in x.
struct Pixel {
  unsigned image;
  int y, x;

  __device__ Pixel(const Sizes& s, unsigned index) {
    const unsigned row = index / static_cast<unsigned>(s.out_width);
    x = static_cast<int>(index % static_cast<unsigned>(s.out_width));
    y = static_cast<int>(row % static_cast<unsigned>(s.out_height));
    image = row / static_cast<unsigned>(s.out_height);
  }
  /// The pixel that lies `step` after this one, all parts smaller than the sizes.
  __device__ void advance(const Sizes& s, const Pixel& step) {
    x += step.x;
    const bool next_row = x >= s.out_width;
    x -= next_row ? s.out_width : 0;
    y += step.y + (next_row ? 1 : 0);
    const bool next_image = y >= s.out_height;
    y -= next_image ? s.out_height : 0;
    image += step.image + (next_image ? 1u : 0u);
  }
  __device__ int window_y(const Sizes& s) const { return y * s.stride_y - s.padding_y; }
  __device__ int window_x(const Sizes& s) const { return x * s.stride_x - s.padding_x; }
  __device__ std::int64_t window(const Sizes& s) const {
    return static_cast<std::int64_t>(image) * s.image +
           (window_y(s) * s.width + window_x(s)) * s.in;
  }
};

__device__ inline bool within(int position, int extent) {
  return static_cast<unsigned>(position) < static_cast<unsigned>(extent);
}

/// Where a row of the weight, a tap of one input channel, finds its input: `offset` after the start
/// of a window, if the window's corner moved by `dy` and `dx` is within the image.
struct alignas(16) Entry {
  int dy, dx, offset;

  Entry() = default;
  /// Of a row that does not `exist`: is never within an image.
  __device__ Entry(const Sizes& s, int row, bool exists) {
    const int tap = row / s.group_in;
    dy = tap / s.kernel_width * s.dilation_y;
    dx = tap % s.kernel_width * s.dilation_x;
    offset = (dy * s.width + dx) * s.in + row % s.group_in;
    if (!exists) dy = -(1 << 30);
  }
};

}  // namespace ranvier::cuda
