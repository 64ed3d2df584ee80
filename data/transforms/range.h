// An option that is a number, or is drawn anew for every recording.
#pragma once

#include <string>

#include "ranvier/core/error.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

/// `0.2`, or `{0.1, 0.3}`: drawn uniformly from [0.1, 0.3).
struct Range {
  double low, high;

  Range(double value) : low(value), high(value) {}  // implicit: most options are one number
  Range(double first, double last) : low(first), high(last) {}

  double draw(RandomStream& random) const { return low == high ? low : random.uniform(low, high); }
  bool operator==(const Range&) const = default;
};

/// "0.2", "{0.1, 0.3}"
std::string to_string(const Range& range);

}  // namespace ranvier

template <>
struct fmt::formatter<ranvier::Range> : ranvier::detail::TextFormatter {
  auto format(const ranvier::Range& range, fmt::format_context& context) const {
    return write(ranvier::to_string(range), context);
  }
};
