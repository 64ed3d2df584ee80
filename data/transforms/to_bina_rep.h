// Frames whose values are numbers in binary.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/transforms/framing.h"

namespace ranvier {

/// Splits a recording into n_frames * n_bits bins of time, as `ToFrame{.n_time_bins}` does, and
/// writes each `n_bits` of them as one frame: whether a pixel and polarity was active in the first
/// bin is the highest bit, and so on; all bits set are 1. f32 frames of `sensor.frame()`, in [0, 1]
/// (Barchid et al., "Bina-Rep event frames", 2022).
struct ToBinaRep {
  std::int64_t n_frames = 1;  ///< >= 1
  std::int64_t n_bits = 8;    ///< 1 to 24

  std::int64_t steps(const Events& events) const;
  /// Errors: options out of range.
  Shape frame(const Sensor& sensor) const;
  void write(const Events& events, const Sensor& sensor, const FrameRows& out) const;
  std::string describe() const;
};

}  // namespace ranvier
