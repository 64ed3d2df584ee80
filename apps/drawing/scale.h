// Scales of axes with round numbers.
#pragma once

#include <string>
#include <vector>

namespace ranvier::apps {

/// A scale for the values between `low` and `high`: 1, 2 or 5 times a power of ten between ticks.
struct Scale {
  double first = 0, last = 1, step = 0.5;

  /// A value's label, with the digits that `step` needs.
  std::string label(double value) const;
  /// In [0, 1] from `first` to `last`.
  double share(double value) const { return (value - first) / (last - first); }
  std::vector<double> ticks() const;
};

/// The scale that holds [low, high] with at most `intervals` + 2 ticks. Both must be finite.
Scale nice_scale(double low, double high, int intervals);

}  // namespace ranvier::apps
