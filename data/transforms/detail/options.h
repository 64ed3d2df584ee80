// Checks of options that several transforms share, and arithmetic that all of them round alike.
// Errors are tagged with the transform's name: "[drop_event] p must be in [0, 1]; got 2."
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ranvier/core/error.h"
#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/range.h"

namespace ranvier::detail {

inline void check_probability(const char* transform, double p) {
  RV_CHECK(p >= 0 && p <= 1, "[{}] p must be in [0, 1]; got {}.", transform, p);
}

/// low <= high, both in [least, most].
inline void check_range(const char* transform, const char* option, const Range& range, double least,
                        double most) {
  RV_CHECK(range.low >= least && range.low <= range.high && range.high <= most,
           "[{}] {} must be a number in [{}, {}], or two in ascending order; got {}.", transform,
           option, least, most, range);
}

/// Polarities can be changed where there are two.
inline void check_polarities(const char* transform, const Sensor& sensor) {
  RV_CHECK(sensor.polarities == 2, "[{}] needs a sensor with two polarities; got one of {}.",
           transform, to_string(sensor));
}

/// The largest integer that is not above value * factor, of a factor that may be rounded: 49 times
/// the double next to 1/49 is 1. For all |value| < 2^52 and factors 1/n what division gives.
inline double floor_product(double value, double factor) {
  const double product = value * factor, nearest = std::nearbyint(product);
  // How far the exact product is above the nearest integer; what the factor lacks is no distance.
  const double above = product - nearest + std::fma(value, factor, -product);
  return above < -std::abs(product) * 0x1p-53 ? nearest - 1 : nearest;
}

/// `t` as the time of an event, whatever it is.
inline std::int64_t to_time(double t) {
  constexpr auto most = static_cast<double>(max_time);
  return static_cast<std::int64_t>(std::clamp(t, -most, most));
}

}  // namespace ranvier::detail
