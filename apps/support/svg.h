// Drawings inside a page: text made harmless, curves, bars and spike rasters as inline SVG. Colours
// come from the page's style sheet by class (apps/support/report_style.h), so that one drawing
// serves light, dark and print.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ranvier::apps {

/// `text` for HTML and SVG, between tags or in a quoted attribute: markup is escaped; what is not
/// UTF-8, and control characters, become U+FFFD.
std::string escape(std::string_view text);

/// The first characters of UTF-8 `text`, with an ellipsis if it has more than `most` of them.
std::string shorten(std::string_view text, int most);

/// Characters of UTF-8 `text`.
int characters(std::string_view text);

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

/// A curve; values that are not finite are gaps.
struct Series {
  std::string label = {};
  std::string style = {};  ///< a class of the style sheet: "train", "test"
  std::vector<double> values = {};
};

/// Curves over epochs, labelled where they end.
struct LineChart {
  std::string description = {};  ///< for those who cannot see it
  std::vector<std::int64_t> epochs = {};
  std::vector<Series> series = {};  ///< each as long as `epochs`
  double least = 0, most = 0;       ///< bounds of the vertical axis if least < most
  std::int64_t ring = 0;            ///< the epoch whose last series' value is ringed; 0: none
};

std::string line_chart(const LineChart& chart);

/// Spikes [T, N]: time to the right, neurons downwards; stretches to its box.
std::string spike_raster(const std::string& description, std::int64_t steps, std::int64_t neurons,
                         std::span<const std::uint8_t> spikes);

/// A bar between two places of its box, both in [0, 1].
std::string bar(const std::string& style, double from, double to);

}  // namespace ranvier::apps
