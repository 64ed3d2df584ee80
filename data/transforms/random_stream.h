// The random numbers of one sample, wherever and whenever it is made.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "ranvier/data/dataset.h"

namespace ranvier {

/// A sequence of random numbers that is a function of (seed, epoch, sample).
class RandomStream {
 public:
  RandomStream(const Draw& draw, std::int64_t sample);

  /// 32 random bits.
  std::uint32_t bits() {
    if (next_ == words_.size()) refill();
    return words_[next_++];
  }
  /// Uniform in [0, 1).
  double uniform() {
    const std::uint64_t high = bits() >> 5, low = bits() >> 6;  // 27 and 26 bits
    return static_cast<double>((high << 26) | low) * 0x1p-53;
  }
  /// Uniform in [low, high); `low` if they are equal.
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in [0, count); count in [1, 2^32].
  std::int64_t below(std::int64_t count) {
    return static_cast<std::int64_t>((std::uint64_t{bits()} * static_cast<std::uint64_t>(count)) >>
                                     32);
  }
  bool with_probability(double p) { return uniform() < p; }
  /// Two independent standard normals (Box-Muller).
  std::array<double, 2> normals() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    const double angle = 2 * std::numbers::pi * uniform();
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }

 private:
  void refill();

  std::uint64_t seed_, stream_;
  std::uint64_t block_;
  std::array<std::uint32_t, 16> words_{};  // several blocks at a time overlap in the processor
  std::size_t next_ = words_.size();
};

}  // namespace ranvier
