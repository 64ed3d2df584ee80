// Batch normalisation as a layer.
#pragma once

#include "ranvier/layers/module.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier {

struct BatchNormLayerOptions {
  std::int64_t features;  ///< channels, the last axis
  double momentum = 0.1;
  double eps = 1e-5;
  BatchNormMode mode = BatchNormMode::batch;
};

/// Normalises the channels of [..., features] over all other axes, time included (SpikingJelly's
/// multi-step BatchNorm). Error: features < 1.
struct BatchNorm {
  static constexpr std::string_view kind = "BatchNorm";

  explicit BatchNorm(BatchNormLayerOptions options);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& visitor);
  /// What the operation is told now: the layer's options and whether it trains.
  BatchNormOptions op_options() const;

  Tensor gamma, beta;         ///< [features]
  RunningStatistics running;  ///< [features]
  BatchNormLayerOptions options;
  bool training = true;
};

}  // namespace ranvier
