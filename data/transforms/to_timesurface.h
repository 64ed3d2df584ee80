// Frames that say how long ago each pixel was active.
#pragma once

#include <cstdint>
#include <string>

#include "ranvier/data/transforms/framing.h"
#include "ranvier/data/transforms/to_frame.h"

namespace ranvier {

/// For windows of time as `ToFrame` has them: exp(-age / tau), where age is the time from the last
/// event of a pixel and polarity, in this window or any before it, to the end of the window; 0
/// before the first. f32 frames of `sensor.frame()`. A recording without events has one step.
struct ToTimesurface {
  std::int64_t dt = 0;              ///< microseconds of each window, >= 1
  double tau = 0;                   ///< microseconds in which a value falls to 1/e, > 0
  std::int64_t overlap = 0;         ///< microseconds that a window shares with the next, in [0, dt)
  bool include_incomplete = false;  ///< true: a last window for the events after the others

  std::int64_t steps(const Events& events) const { return windows().steps(events); }
  /// Errors: options out of range.
  Shape frame(const Sensor& sensor) const;
  void write(const Events& events, const Sensor& sensor, const FrameRows& out) const;
  std::string describe() const;

 private:
  ToFrame windows() const;
};

}  // namespace ranvier
