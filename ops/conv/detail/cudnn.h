// cuDNN's convolutions behind one door.
#pragma once

#include "ranvier/core/device.h"
#include "ranvier/core/dtype.h"
#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::cuda {

/// Which of its three arrays a convolution computes from the other two.
enum class ConvResult : std::uint8_t { y, x, filter };

/// Arrays of f32, f16 or bf16 on a device: x [images, H, W, in], filter [out, kh, kw, in / groups],
/// y [images, OH, OW, out].
struct ConvArrays {
  void* x;
  void* filter;
  void* y;
};

/// Overwrites `result` of `arrays`: y, the gradient of x from that of y in its place, or that of
/// the filter. All are `compute`; sums are f32. Algorithms whose sums have a fixed order only: the
/// same call gives the same bits. False if cuDNN has none for this convolution. What it needs to
/// know about one is kept; only the first call of its kind plans.
bool run_cudnn(ConvResult result, const ranvier::detail::ConvShape& shape, DType compute,
               Device device, const ConvArrays& arrays);

}  // namespace ranvier::cuda
