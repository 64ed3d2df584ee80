// Convolutions in double precision: plain loops to check gradients with, not quick.
#include <algorithm>

#include "ranvier/core/parallel.h"
#include "ranvier/ops/conv/detail/conv_dense.h"

namespace ranvier::detail {
namespace {

// Calls body(x_index, weight_index, y_index) for every product of the convolution of one image
// that belongs to output channel `o`; indices are within the image, and within the weight.
template <class Body>
void for_each_product(const ConvShape& s, std::int64_t o, Body&& body) {
  const std::int64_t group_in = s.in / s.groups, group = o / (s.out / s.groups);
  for (std::int64_t oy = 0; oy < s.out_height; ++oy)
    for (std::int64_t ox = 0; ox < s.out_width; ++ox)
      for (std::int64_t ky = 0; ky < s.kernel[0]; ++ky)
        for (std::int64_t kx = 0; kx < s.kernel[1]; ++kx) {
          const std::int64_t iy = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
          const std::int64_t ix = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
          if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
          for (std::int64_t i = 0; i < group_in; ++i)
            body((iy * s.width + ix) * s.in + group * group_in + i,
                 ((ky * s.kernel[1] + kx) * group_in + i) * s.out + o,
                 (oy * s.out_width + ox) * s.out + o);
        }
}

}  // namespace

void conv_forward(const ConvShape& s, const double* x, const double* weight, const double* bias,
                  double* y) {
  const std::int64_t x_size = s.in_pixels() * s.in, y_size = s.out_pixels() * s.out;
  parallel_for(0, s.images, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t image = begin; image < end; ++image) {
      double* const out = y + image * y_size;
      for (std::int64_t i = 0; i < y_size; ++i) out[i] = bias == nullptr ? 0 : bias[i % s.out];
      for (std::int64_t o = 0; o < s.out; ++o)
        for_each_product(s, o, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
          out[yi] += x[image * x_size + xi] * weight[wi];
        });
    }
  });
}

void conv_input_gradient(const ConvShape& s, const double* gy, const double* weight, double* gx) {
  const std::int64_t x_size = s.in_pixels() * s.in, y_size = s.out_pixels() * s.out;
  std::fill_n(gx, s.images * x_size, 0.0);
  parallel_for(0, s.images, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t image = begin; image < end; ++image)
      for (std::int64_t o = 0; o < s.out; ++o)
        for_each_product(s, o, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
          gx[image * x_size + xi] += gy[image * y_size + yi] * weight[wi];
        });
  });
}

void conv_weight_gradient(const ConvShape& s, const double* x, const double* gy, double* gw) {
  const std::int64_t x_size = s.in_pixels() * s.in, y_size = s.out_pixels() * s.out;
  std::fill_n(gw, s.weight_elements(), 0.0);
  parallel_for(0, s.out, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o)
      for (std::int64_t image = 0; image < s.images; ++image)
        for_each_product(s, o, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
          gw[wi] += x[image * x_size + xi] * gy[image * y_size + yi];
        });
  });
}

}  // namespace ranvier::detail
