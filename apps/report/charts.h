// Curves, bars and spike rasters inside a page, as SVG. Colours come from the page's style sheet by
// class (apps/report/style.h), so that one drawing serves light, dark and print.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ranvier::apps {

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
