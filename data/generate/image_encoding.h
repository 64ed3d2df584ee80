// Images as events: by rate, by latency, and by the movements of an eye.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"
#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

// Images are u8 [H, W, 1]; an intensity is a pixel divided by 255. Events are in the order of time.
// Errors: another dtype or shape; options that make no sense.

/// Every pixel fires at random with a rate in proportion to its intensity (a Poisson process).
struct RateEncoding {
  double max_rate = 100;            ///< events per second of a white pixel; at most 1e6
  std::int64_t duration = 100'000;  ///< microseconds
};
/// ON events of a sensor [W, H] without polarities.
Recording encode(const Tensor& image, const RateEncoding& options, RandomStream& random);

/// How the first spike of a pixel depends on its intensity I.
enum class LatencyCurve {
  linear,       ///< duration * (1 - I)
  logarithmic,  ///< duration * ln(I / (I - threshold)) / ln(2): an integrator's way to its
                ///< threshold
};

/// Every pixel fires once, the brighter the earlier; those too dark to fire within the duration, or
/// not above the threshold, do not.
struct LatencyEncoding {
  LatencyCurve curve = LatencyCurve::linear;
  double threshold = 0.05;          ///< intensity; in [0, 1)
  std::int64_t duration = 100'000;  ///< microseconds
};
/// ON events of a sensor [W, H] without polarities.
Recording encode(const Tensor& image, const LatencyEncoding& options);

/// An event camera that looks at the image while it makes three saccades along a triangle and
/// returns, as N-MNIST was recorded (Orchard et al. 2015): a pixel emits an ON or OFF event each
/// time that the logarithm of what it sees has risen or fallen by the threshold.
struct SaccadeEncoding {
  double threshold = 0.3;          ///< of ln(intensity + floor)
  double floor = 0.1;              ///< what a camera sees in the dark; above 0
  double amplitude = 4;            ///< pixels, height and base of the triangle
  std::int64_t saccade = 100'000;  ///< microseconds of one of the three
  std::int64_t step = 1'000;       ///< microseconds from one look to the next
};
/// Events of a sensor [W, H] with two polarities. What lies beyond the border looks like the
/// border.
Recording encode(const Tensor& image, const SaccadeEncoding& options);

}  // namespace ranvier
