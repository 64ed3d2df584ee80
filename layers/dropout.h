// Dropout as a layer.
#pragma once

#include "ranvier/layers/module.h"
#include "ranvier/ops/dropout/dropout.h"

namespace ranvier {

/// `dropout` while training, the identity in evaluation. With `shared_steps` x is [T, B, ...] and a
/// mask holds for all steps of a shard of time. Error: p outside [0, 1).
struct Dropout {
  static constexpr std::string_view kind = "Dropout";

  explicit Dropout(DropoutOptions options = {});
  Tensor operator()(const Tensor& x) const;
  void visit(Visitor& visitor) { visitor.training(training); }

  DropoutOptions options;
  bool training = true;
};

}  // namespace ranvier
