// Keeps gradients within the range of f16 by multiplying the loss.
#pragma once

#include <cstdint>
#include <span>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// The defaults are those of PyTorch's GradScaler.
struct LossScaleOptions {
  double initial = 65536;  ///< a power of two, as are the next two: then scaling is exact
  double growth = 2;       ///< by how much it grows after `interval` steps without overflow
  double backoff = 0.5;    ///< by how much it shrinks after a step with one
  std::int64_t interval = 2000;
};

/// A factor of the loss, and so of all gradients, as large as f16 gradients bear: steps in which
/// one is infinite or NaN are left out and make it smaller (Micikevicius et al., "Mixed precision
/// training", 2018). It lies on the CUDA device and is found there, so that the host neither waits
/// for it nor has to know it when a step is recorded in a graph.
class LossScale {
 public:
  /// Errors: a device that is no CUDA device; factors that are not positive powers of two, a growth
  /// < 1, a backoff > 1; an interval < 1.
  explicit LossScale(Device device, const LossScaleOptions& options = {});

  /// What backward starts from instead of `share`: an f32 scalar.
  Tensor seed(double share) const;
  /// Looks through a step's gradients, f32 on the device. Until the next call, `inverse` and
  /// `overflow` tell an optimizer what to do.
  void look_at(std::span<const Tensor> gradients);
  /// Adapts the factor to what was seen; once after each step.
  void adapt();

  /// The factor now; waits for the device.
  double factor() const;
  /// f32 on the device, see `detail::ScaleState`: what a checkpoint keeps.
  const Tensor& state() const { return state_; }

 private:
  LossScaleOptions options_;
  Tensor state_;
};

}  // namespace ranvier
