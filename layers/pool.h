// Pooling layers.
#pragma once

#include <array>

#include "ranvier/layers/module.h"
#include "ranvier/ops/pool/pool2d.h"

namespace ranvier {

/// The largest value of each window: for spikes, whether any of them fired.
struct MaxPool2d {
  static constexpr std::string_view kind = "MaxPool2d";

  Tensor operator()(const Tensor& x) const { return max_pool2d(x, options); }
  void visit(Visitor&) {}

  Pool2dOptions options{};
};

/// The mean of each window.
struct AvgPool2d {
  static constexpr std::string_view kind = "AvgPool2d";

  Tensor operator()(const Tensor& x) const { return avg_pool2d(x, options); }
  void visit(Visitor&) {}

  Pool2dOptions options{};
};

/// The mean over windows that cut any image to `size` [H, W].
struct AdaptiveAvgPool2d {
  static constexpr std::string_view kind = "AdaptiveAvgPool2d";

  Tensor operator()(const Tensor& x) const { return adaptive_avg_pool2d(x, size); }
  void visit(Visitor&) {}

  std::array<std::int64_t, 2> size{1, 1};
};

/// The mean over the image: [..., H, W, C] -> [..., C].
struct GlobalAvgPool2d {
  static constexpr std::string_view kind = "GlobalAvgPool2d";

  Tensor operator()(const Tensor& x) const { return global_avg_pool2d(x); }
  void visit(Visitor&) {}
};

}  // namespace ranvier
