// Convolutions of any shape without tricks: a thread for each output, or a block for each weight.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/conv/detail/cuda_conv.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::ConvShape;
using ranvier::detail::Type;
constexpr const char* op = "conv2d";

template <class T>
void forward_of(const ConvShape& shape, const Tensor& x, const Tensor& weight, const Tensor& bias,
                Tensor& y) {
  const ConvShape s = shape;
  const T* const in = elements<T>(op, x);
  const T* const w = elements<T>(op, weight);
  const T* const start = elements_or_null<T>(op, bias);
  T* const out = mutable_elements<T>(op, y);
  const std::int64_t group_in = s.in / s.groups, group_out = s.out / s.groups;
  for_each(op, y.device(), y.numel(), [=] __device__(std::int64_t index) {
    const std::int64_t o = index % s.out, pixel = index / s.out;
    const std::int64_t ox = pixel % s.out_width, row = pixel / s.out_width;
    const std::int64_t oy = row % s.out_height, image = row / s.out_height;
    T sum = start == nullptr ? T(0) : start[o];
    for (std::int64_t ky = 0; ky < s.kernel[0]; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel[1]; ++kx) {
        const std::int64_t iy = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
        const std::int64_t ix = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
        if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
        const T* const from =
            in + ((image * s.height + iy) * s.width + ix) * s.in + o / group_out * group_in;
        const T* const by = w + (ky * s.kernel[1] + kx) * group_in * s.out + o;
        for (std::int64_t i = 0; i < group_in; ++i) sum = fma(from[i], by[i * s.out], sum);
      }
    out[index] = sum;
  });
}

template <class T>
void input_gradient_of(const ConvShape& shape, const Tensor& gy, const Tensor& weight, Tensor& gx) {
  const ConvShape s = shape;
  const T* const in = elements<T>(op, gy);
  const T* const w = elements<T>(op, weight);
  T* const out = mutable_elements<T>(op, gx);
  const std::int64_t group_in = s.in / s.groups, group_out = s.out / s.groups;
  for_each(op, gx.device(), gx.numel(), [=] __device__(std::int64_t index) {
    const std::int64_t channel = index % s.in, pixel = index / s.in;
    const std::int64_t ix = pixel % s.width, row = pixel / s.width;
    const std::int64_t iy = row % s.height, image = row / s.height;
    const std::int64_t i = channel % group_in, first = channel / group_in * group_out;
    T sum = 0;
    for (std::int64_t ky = 0; ky < s.kernel[0]; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel[1]; ++kx) {
        const std::int64_t y = iy + s.padding[0] - ky * s.dilation[0];
        const std::int64_t x = ix + s.padding[1] - kx * s.dilation[1];
        if (y < 0 || x < 0 || y % s.stride[0] != 0 || x % s.stride[1] != 0) continue;
        const std::int64_t oy = y / s.stride[0], ox = x / s.stride[1];
        if (oy >= s.out_height || ox >= s.out_width) continue;
        const T* const from = in + ((image * s.out_height + oy) * s.out_width + ox) * s.out + first;
        const T* const by = w + ((ky * s.kernel[1] + kx) * group_in + i) * s.out + first;
        for (std::int64_t o = 0; o < group_out; ++o) sum = fma(from[o], by[o], sum);
      }
    out[index] = sum;
  });
}

// A block sums for one weight: each thread its share of the output pixels, then all shares in a
// tree.
template <class T>
__global__ void __launch_bounds__(block_threads)
    sum_weight_gradient(const ConvShape s, const T* __restrict__ x, const T* __restrict__ gy,
                        T* __restrict__ gw) {
  __shared__ double sums[block_threads];
  const std::int64_t group_in = s.in / s.groups, group_out = s.out / s.groups;
  const std::int64_t o = blockIdx.x % s.out, entry = blockIdx.x / s.out;
  const std::int64_t i = o / group_out * group_in + entry % group_in, tap = entry / group_in;
  const std::int64_t ky = tap / s.kernel[1], kx = tap % s.kernel[1];
  double sum = 0;
  for (std::int64_t p = threadIdx.x; p < s.images * s.out_height * s.out_width;
       p += block_threads) {
    const std::int64_t ox = p % s.out_width, row = p / s.out_width;
    const std::int64_t oy = row % s.out_height, image = row / s.out_height;
    const std::int64_t iy = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
    const std::int64_t ix = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
    if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
    sum += static_cast<double>(x[((image * s.height + iy) * s.width + ix) * s.in + i]) *
           static_cast<double>(gy[p * s.out + o]);
  }
  sums[threadIdx.x] = sum;
  for (unsigned half = block_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) gw[blockIdx.x] = static_cast<T>(sums[0]);
}

template <class T>
void weight_gradient_of(const ConvShape& shape, const Tensor& x, const Tensor& gy, Tensor& gw) {
  launch(op, gw.device(), {static_cast<unsigned>(gw.numel()), block_threads},
         sum_weight_gradient<T>, shape, elements<T>(op, x), elements<T>(op, gy),
         mutable_elements<T>(op, gw));
}

}  // namespace

void direct_forward(const ConvShape& shape, const Tensor& x, const Tensor& weight,
                    const Tensor& bias, Tensor& y) {
  ranvier::detail::visit_real(op, y.dtype(),
                              [&]<class T>(Type<T>) { forward_of<T>(shape, x, weight, bias, y); });
}

void direct_input_gradient(const ConvShape& shape, const Tensor& gy, const Tensor& weight,
                           Tensor& gx) {
  ranvier::detail::visit_real(
      op, gx.dtype(), [&]<class T>(Type<T>) { input_gradient_of<T>(shape, gy, weight, gx); });
}

void direct_weight_gradient(const ConvShape& shape, const Tensor& x, const Tensor& gy, Tensor& gw) {
  ranvier::detail::visit_real(op, gw.dtype(),
                              [&]<class T>(Type<T>) { weight_gradient_of<T>(shape, x, gy, gw); });
}

}  // namespace ranvier::cuda
