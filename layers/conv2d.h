// A two-dimensional convolution layer.
#pragma once

#include <array>

#include "ranvier/layers/module.h"
#include "ranvier/ops/conv/conv2d.h"

namespace ranvier {

struct Conv2dLayerOptions {
  std::int64_t in;                           ///< input channels
  std::int64_t out;                          ///< output channels
  std::array<std::int64_t, 2> kernel{3, 3};  ///< height, width
  Conv2dOptions conv{};                      ///< stride, padding, dilation, groups
  bool bias = true;
  bool autocast = true;  ///< false: multiplies in f32 also under an `AutocastGuard`
};

/// A convolution over [B, H, W, in] or [T, B, H, W, in]; time and batch fold together and packed
/// spikes are taken as they are. Errors: channels < 1 or not a multiple of the groups.
struct Conv2d {
  static constexpr std::string_view kind = "Conv2d";

  explicit Conv2d(Conv2dLayerOptions options);
  Tensor operator()(const Tensor& x) const;
  void visit(Visitor& visitor);
  /// Multiply-adds for one sample of `output` [.., OH, OW, out].
  std::int64_t multiply_adds(const Shape& output) const;

  Tensor weight;  ///< [kh, kw, in / groups, out]
  Tensor bias;    ///< [out], or undefined
  Conv2dOptions options;
  bool autocast;
};

}  // namespace ranvier
