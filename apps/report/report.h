// A run as one page: report.html, which needs nothing but a browser.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "apps/report/metrics.h"

namespace ranvier::apps {

/// How often the neurons of a layer fired.
struct LayerActivity {
  std::string name = {};   ///< as in the network's summary: "2"
  std::string kind = {};   ///< "IF"
  double firing_rate = 0;  ///< spikes per neuron and step, in [0, 1]; NaN: not measured
};

/// Which neurons of a layer fired when, for one sample.
struct SpikeRaster {
  std::string name = {};
  std::int64_t steps = 0;                 ///< T
  std::int64_t neurons = 0;               ///< N: all of the layer or some of them
  std::vector<std::uint8_t> spikes = {};  ///< [T, N]; not 0: a spike
};

/// A sample of the test set and what the network made of it.
struct ReportExample {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> image = {};  ///< [H, W, C]; C is 1 (grey) or 3 (RGB); empty: none
  std::int64_t true_class = 0, predicted_class = 0;
  std::vector<double> scores = {};  ///< one per class; what they mean is `Report::score_name`
  SpikeRaster output = {};          ///< a neuron per class; T = 0 if the readout does not spike
  std::vector<SpikeRaster> hidden = {};  ///< from input to output
};

/// Everything a report shows; empty parts are left out.
struct Report {
  std::string title = {};
  std::vector<std::pair<std::string, std::string>> summary = {};  ///< name and value, in order
  std::string samples = "images";  ///< what it trains on, as in "images/s"
  std::vector<EpochMetrics> history = {};
  std::vector<std::string> classes = {};
  std::vector<std::int64_t> confusion = {};  ///< [true class, predicted class] of the test set
  std::vector<LayerActivity> layers = {};    ///< from input to output
  std::string score_name = "firing rate";
  std::vector<ReportExample> examples = {};
};

/// The page as text. Errors: sizes that do not fit each other, a class out of range.
std::string report_html(const Report& report);

/// Writes `report_html` to `path` by `replace_file`. Errors: those of both.
void write_report(const std::filesystem::path& path, const Report& report);

}  // namespace ranvier::apps
