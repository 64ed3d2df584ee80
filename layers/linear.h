// A fully connected layer.
#pragma once

#include "ranvier/layers/module.h"

namespace ranvier {

struct LinearOptions {
  std::int64_t in;   ///< input features, the last axis
  std::int64_t out;  ///< output features
  bool bias = true;
  bool autocast = true;  ///< false: multiplies in f32 also under an `AutocastGuard`
};

/// y = x weight + bias over the last axis: [..., in] -> [..., out]. Time and batch fold together;
/// packed spikes are taken as they are. Errors: in or out < 1; x's last axis is not `in`.
struct Linear {
  static constexpr std::string_view kind = "Linear";

  explicit Linear(LinearOptions options);
  Tensor operator()(const Tensor& x) const;
  void visit(Visitor& visitor);
  /// Multiply-adds for one sample of `output` (without its leading axes `[T, B]`).
  std::int64_t multiply_adds(const Shape& output) const;

  Tensor weight;  ///< [in, out]
  Tensor bias;    ///< [out], or undefined
  bool autocast;
};

}  // namespace ranvier
