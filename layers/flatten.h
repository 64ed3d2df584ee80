// From feature maps to features.
#pragma once

#include "ranvier/layers/module.h"
#include "ranvier/ops/shape/shape_ops.h"

namespace ranvier {

/// [..., H, W, C] -> [..., H * W * C]; leading axes (time, batch) stay. Error: rank < 3.
struct Flatten {
  static constexpr std::string_view kind = "Flatten";

  Tensor operator()(const Tensor& x) const { return flatten(x, -3); }
  void visit(Visitor&) {}
};

}  // namespace ranvier
