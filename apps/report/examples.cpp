#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/drawing/png.h"
#include "apps/report/charts.h"
#include "apps/report/sections.h"
#include "apps/support/text.h"

namespace ranvier::apps {
namespace {

constexpr std::size_t most_classes = 12;  // that are all listed; of more, the likeliest are

// The classes that an example lists, in their order.
std::vector<std::size_t> listed_classes(const ReportExample& example) {
  std::vector<std::size_t> order(example.scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() <= most_classes) return order;
  const auto truth = static_cast<std::size_t>(example.true_class);
  const auto predicted = static_cast<std::size_t>(example.predicted_class);
  const auto rank = [&](std::size_t i) {
    return i == truth || i == predicted    ? INFINITY
           : std::isnan(example.scores[i]) ? -INFINITY
                                           : example.scores[i];
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rank(a) > rank(b); });
  order.resize(most_classes - 4);
  std::sort(order.begin(), order.end());
  return order;
}

std::string image(const ReportExample& example, const std::string& name) {
  if (example.image.empty()) return "";
  const auto file = encode_png(example.image, example.height, example.width, example.channels);
  return fmt::format(R"(<img alt="{}" width="{}" height="{}" src="data:image/png;base64,{}">)",
                     escape(name), example.width, example.height, base64(file));
}

double mean_rate(const SpikeRaster& raster) {
  const auto spikes = std::count_if(raster.spikes.begin(), raster.spikes.end(),
                                    [](std::uint8_t spike) { return spike != 0; });
  return static_cast<double>(spikes) / static_cast<double>(raster.spikes.size());
}

std::string hidden_row(const SpikeRaster& raster) {
  const double height = std::clamp(3.0 * static_cast<double>(raster.neurons), 12.0, 96.0);
  return fmt::format(
      R"(<div class="name">{}</div><div style="height:{}px">{}</div>)"
      R"(<div class="value">rate {:.2f}</div>)"
      "\n",
      escape(raster.name), height,
      spike_raster("Spikes of " + raster.name, raster.steps, raster.neurons, raster.spikes),
      mean_rate(raster));
}

std::string class_row(const Report& report, const ReportExample& example, std::size_t index,
                      double low, double high) {
  const auto classes = static_cast<std::int64_t>(report.classes.size());
  const auto number = static_cast<std::int64_t>(index);
  std::vector<std::uint8_t> spikes;
  for (std::int64_t t = 0; t < example.output.steps; ++t)
    spikes.push_back(example.output.spikes[static_cast<std::size_t>(t * classes + number)]);
  const std::string& name = report.classes[index];
  const double score = example.scores[index], zero = (0 - low) / (high - low);
  const char* const style = number != example.predicted_class ? "other"
                            : number == example.true_class    ? "right"
                                                              : "wrong";
  std::string out = fmt::format(R"(<div class="name{}">{}</div>)",
                                number == example.true_class ? " true" : "", escape(name));
  if (!spikes.empty())
    out += fmt::format(R"(<div style="height:12px">{}</div>)",
                       spike_raster("Output spikes of " + name, example.output.steps, 1, spikes));
  return out +
         fmt::format(R"(<div class="value{}">{}<span>{:.3g}</span></div>)"
                     "\n",
                     spikes.empty() ? " alone" : "",
                     bar(style, zero, std::isfinite(score) ? (score - low) / (high - low) : zero),
                     score);
}

std::string time_axis(std::int64_t steps) {
  return fmt::format(
      R"(<div class="name">time step</div><div class="axis"><span>1</span><span>{}</span></div>)"
      "<div></div>\n",
      steps == 1 ? "" : fmt::format("{}", steps));
}

std::string card(const Report& report, const ReportExample& example) {
  const std::string& truth = report.classes[static_cast<std::size_t>(example.true_class)];
  const std::string& predicted = report.classes[static_cast<std::size_t>(example.predicted_class)];
  const bool right = example.true_class == example.predicted_class;
  std::int64_t steps = example.output.steps;
  for (const SpikeRaster& raster : example.hidden) steps = std::max(steps, raster.steps);
  double low = 0, high = 0;
  for (const double score : example.scores)
    if (std::isfinite(score)) low = std::min(low, score), high = std::max(high, score);
  if (low == high) high = 1;
  const auto width = steps * (steps <= 8 ? 26 : steps <= 20 ? 14 : 9);

  std::string out = fmt::format(
      "<article>\n<header>{}<div><h3>{}</h3><p class=\"{}\">{}{}</p></div></header>\n"
      "<div class=\"neurons\" style=\"--raster:{}px\">\n",
      image(example, truth), escape(truth), right ? "right" : "wrong",
      right ? "✓ recognised" : "✗ taken for ", right ? "" : escape(predicted), width);
  for (const SpikeRaster& raster : example.hidden) out += hidden_row(raster);
  const bool output_spikes = example.output.steps > 0;
  if (steps > 0 && !output_spikes) out += time_axis(steps);
  if (!example.hidden.empty()) out += "<div class=\"gap\"></div>\n";
  for (const std::size_t index : listed_classes(example))
    out += class_row(report, example, index, low, high);
  if (output_spikes) out += time_axis(steps);
  return out + "</div>\n</article>\n";
}

}  // namespace

std::string examples_section(const Report& report) {
  if (report.examples.empty()) return "";
  const bool output_spikes = report.examples.front().output.steps > 0;
  std::string out = fmt::format(
      "<section>\n<h2>Examples</h2>\n<p class=\"note\">Every mark is a spike: time runs to the "
      "right, neurons stand above each other, layers from input to output with their mean rate. "
      "Below, {}the {} of {}.</p>\n<div class=\"examples\">\n",
      output_spikes ? "the output's neurons and " : "", escape(report.score_name),
      report.classes.size() > most_classes ? "the likeliest classes" : "each class");
  for (const ReportExample& example : report.examples) out += card(report, example);
  return out + "</div>\n</section>\n";
}

}  // namespace ranvier::apps
