// Frames that share each event between two moments.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/transforms/framing.h"

namespace ranvier {

/// Moments 0 to n - 1 lie evenly between the first and the last event; each event adds its polarity
/// (ON 1, OFF -1) to the two moments beside it, more to the nearer one, in all exactly once. The
/// only polarity of a sensor counts 1. f32 frames [H, W, 1], or [W] for channels
/// (Zhu et al., "Unsupervised event-based learning of optical flow, depth and egomotion", 2019).
struct ToVoxelGrid {
  std::int64_t n_time_bins = 10;  ///< moments, and steps, >= 1

  std::int64_t steps(const Events& events) const;
  /// Errors: options out of range.
  Shape frame(const Sensor& sensor) const;
  void write(const Events& events, const Sensor& sensor, const FrameRows& out) const;
  std::string describe() const;
};

}  // namespace ranvier
