#include "apps/report/charts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "apps/drawing/scale.h"
#include "apps/support/text.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

std::string number_text(double value) {
  const bool usual = std::abs(value) >= 0.01 && std::abs(value) < 10;
  return usual ? fmt::format("{:.4f}", value) : fmt::format("{:.3g}", value);
}

// Where a chart's parts are, in the units of its view box.
struct Frame {
  double width = 480, height = 270;
  double left = 52, right = 112, top = 12, bottom = 40;

  double plot_width() const { return width - left - right; }
  double plot_height() const { return height - top - bottom; }
};

// A chart's data in the frame's coordinates.
struct Plot {
  Frame frame;
  const LineChart& chart;
  Scale vertical;

  double x(std::size_t index) const {
    const auto first = chart.epochs.front(), last = chart.epochs.back();
    if (first == last) return frame.left + frame.plot_width() / 2;
    return frame.left + frame.plot_width() * static_cast<double>(chart.epochs[index] - first) /
                            static_cast<double>(last - first);
  }
  double y(double value) const {
    return frame.top + frame.plot_height() * (1 - vertical.share(value));
  }
};

Scale vertical_scale(const LineChart& chart) {
  double low = INFINITY, high = -INFINITY;
  for (const Series& series : chart.series)
    for (const double value : series.values)
      if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  if (low > high) low = chart.least, high = chart.least < chart.most ? chart.most : 1;
  if (low > 0 && low < 0.4 * high) low = 0;
  Scale scale = nice_scale(low, high, 4);
  if (chart.least < chart.most) {
    scale.first = std::max(scale.first, chart.least);
    scale.last = std::min(scale.last, chart.most);
  }
  return scale;
}

std::string grid(const Plot& plot) {
  const Frame& frame = plot.frame;
  std::string out;
  for (const double tick : plot.vertical.ticks()) {
    const double y = plot.y(tick);
    out += fmt::format(R"(<line class="grid" x1="{}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)",
                       frame.left, frame.width - frame.right, y, y);
    out += fmt::format(R"(<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
                       frame.left - 8, y + 4, plot.vertical.label(tick));
  }
  const auto& epochs = plot.chart.epochs;
  constexpr int most_labels = 7;
  constexpr double least_distance = 24;
  const Scale horizontal = nice_scale(static_cast<double>(epochs.front()),
                                      static_cast<double>(epochs.back()), most_labels);
  const auto step = static_cast<std::int64_t>(std::max(1.0, horizontal.step));
  for (std::size_t i = 0, last = 0; i < epochs.size(); ++i) {
    if (i > 0 && (epochs[i] % step != 0 || plot.x(i) - plot.x(last) < least_distance)) continue;
    last = i;
    out += fmt::format(R"(<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>)",
                       plot.x(i), frame.height - frame.bottom + 18, epochs[i]);
  }
  out += fmt::format(R"(<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">epoch</text>)",
                     frame.left + frame.plot_width() / 2, frame.height - 4);
  return out;
}

std::string curve(const Plot& plot, const Series& series) {
  constexpr std::size_t most_markers = 30;
  std::string path, markers;
  bool pen_down = false;
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    const double value = series.values[i];
    if (!std::isfinite(value)) {
      pen_down = false;
      continue;
    }
    const double x = plot.x(i), y = plot.y(value);
    path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", x, y);
    const bool alone =
        !pen_down && (i + 1 == series.values.size() || !std::isfinite(series.values[i + 1]));
    if (alone || series.values.size() <= most_markers)
      markers += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2.5"/>)", x, y);
    pen_down = true;
  }
  return fmt::format(R"(<g class="{}"><path class="curve" d="{}"/>{}</g>)", series.style,
                     path.empty() ? "M0 0" : path, markers);
}

// The series' names and last values at the right, moved apart where they would overlap.
std::string end_labels(const Plot& plot) {
  constexpr double line_height = 17;
  struct Label {
    double y;
    std::string text;
  };
  std::vector<Label> labels;
  for (const Series& series : plot.chart.series) {
    const auto last = std::find_if(series.values.rbegin(), series.values.rend(),
                                   [](double value) { return std::isfinite(value); });
    if (last == series.values.rend()) continue;
    labels.push_back({plot.y(*last), fmt::format(R"(class="label {}">{} {}</text>)", series.style,
                                                 escape(series.label), number_text(*last))});
  }
  std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.y < b.y; });
  const Frame& frame = plot.frame;
  for (std::size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + line_height);
  double lowest = frame.height - frame.bottom;
  for (std::size_t i = labels.size(); i-- > 0; lowest -= line_height)
    labels[i].y = std::min(labels[i].y, lowest);
  std::string out;
  for (const Label& label : labels)
    out += fmt::format(R"(<text x="{}" y="{:.1f}" {})", frame.width - frame.right + 9, label.y + 4,
                       label.text);
  return out;
}

// A band per epoch that lights up under the pointer and tells the values.
std::string hover_bands(const Plot& plot) {
  const auto count = plot.chart.epochs.size();
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    const double left = i == 0 ? plot.frame.left : (plot.x(i - 1) + plot.x(i)) / 2;
    const double right =
        i + 1 == count ? plot.frame.width - plot.frame.right : (plot.x(i) + plot.x(i + 1)) / 2;
    std::string text = fmt::format("epoch {}", plot.chart.epochs[i]);
    for (const Series& series : plot.chart.series)
      text += fmt::format(", {} {}", escape(series.label), number_text(series.values[i]));
    out += fmt::format(
        R"(<rect class="band" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>)",
        left, plot.frame.top, right - left, plot.frame.plot_height(), text);
  }
  return out;
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  RV_ASSERT(!chart.epochs.empty(), "[chart] a chart needs an epoch.");
  const Plot plot{{}, chart, vertical_scale(chart)};
  std::string out =
      fmt::format(R"(<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">)",
                  plot.frame.width, plot.frame.height, escape(chart.description));
  out += grid(plot);
  for (const Series& series : chart.series) out += curve(plot, series);
  for (std::size_t i = 0; i < chart.epochs.size(); ++i) {
    const double value = chart.series.back().values[i];
    if (chart.epochs[i] == chart.ring && std::isfinite(value))
      out += fmt::format(R"(<circle class="ring {}" cx="{:.1f}" cy="{:.1f}" r="6"/>)",
                         chart.series.back().style, plot.x(i), plot.y(value));
  }
  return out + end_labels(plot) + hover_bands(plot) + "</svg>";
}

std::string spike_raster(const std::string& description, std::int64_t steps, std::int64_t neurons,
                         std::span<const std::uint8_t> spikes) {
  std::string path;
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t n = 0; n < neurons; ++n)
      if (spikes[static_cast<std::size_t>(t * neurons + n)] != 0)
        path += fmt::format("M{} {}h.8", t, n);
  std::string out = fmt::format(
      R"(<svg class="raster" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" )"
      R"(aria-label="{}">)",
      steps, neurons, escape(description));
  if (!path.empty())
    out += fmt::format(R"svg(<path transform="translate(.1 .5)" d="{}"/>)svg", path);
  return out + "</svg>";
}

std::string bar(const std::string& style, double from, double to) {
  return fmt::format(
      R"(<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">)"
      R"(<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="10"/></svg>)",
      style, 100 * std::min(from, to), 100 * std::abs(to - from));
}

}  // namespace ranvier::apps
