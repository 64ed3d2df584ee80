#include "apps/report/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "apps/drawing/scale.h"
#include "apps/report/charts.h"
#include "apps/report/sections.h"
#include "apps/report/style.h"
#include "apps/support/output_file.h"
#include "apps/support/progress.h"
#include "apps/support/text.h"
#include "ranvier/core/build_info.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

void check_raster(const SpikeRaster& raster, std::size_t example) {
  RV_CHECK(raster.steps >= 0 && raster.neurons >= 0 &&
               static_cast<std::int64_t>(raster.spikes.size()) == raster.steps * raster.neurons,
           "[report] raster '{}' of example {} must have steps x neurons = {} x {} spikes; got {}.",
           raster.name, example, raster.steps, raster.neurons, raster.spikes.size());
}

void check_example(const Report& report, std::size_t index) {
  const ReportExample& example = report.examples[index];
  const auto classes = static_cast<std::int64_t>(report.classes.size());
  for (const std::int64_t label : {example.true_class, example.predicted_class})
    RV_CHECK(label >= 0 && label < classes,
             "[report] classes of example {} must be in [0, {}); got {}.", index, classes, label);
  RV_CHECK(example.scores.size() == report.classes.size(),
           "[report] example {} must have a score for each of {} classes; got {}.", index, classes,
           example.scores.size());
  check_raster(example.output, index);
  RV_CHECK(example.output.steps == 0 || example.output.neurons == classes,
           "[report] the output of example {} must have a neuron for each of {} classes; got {}.",
           index, classes, example.output.neurons);
  for (const SpikeRaster& raster : example.hidden) {
    check_raster(raster, index);
    RV_CHECK(!raster.spikes.empty(), "[report] raster '{}' of example {} must not be empty.",
             raster.name, index);
  }
}

void check(const Report& report) {
  const std::size_t classes = report.classes.size();
  RV_CHECK(report.confusion.empty() || report.confusion.size() == classes * classes,
           "[report] confusion must have {} x {} counts; got {}.", classes, classes,
           report.confusion.size());
  for (const std::int64_t count : report.confusion)
    RV_CHECK(count >= 0, "[report] counts of the confusion must be >= 0; got {}.", count);
  for (std::size_t i = 1; i < report.history.size(); ++i)
    RV_CHECK(report.history[i - 1].epoch < report.history[i].epoch,
             "[report] epochs must rise; got {} after {}.", report.history[i].epoch,
             report.history[i - 1].epoch);
  for (std::size_t i = 0; i < report.examples.size(); ++i) check_example(report, i);
}

std::string figure_text(const char* name, const std::string& value, const std::string& unit) {
  return fmt::format("<div><dt>{}</dt><dd>{} <small>{}</small></dd></div>\n", name, value, unit);
}

std::string head_figures(const Report& report) {
  const std::vector<EpochMetrics>& history = report.history;
  if (history.empty()) return "";
  const EpochMetrics& last = history.back();
  double seconds = 0;
  for (const EpochMetrics& row : history)
    if (std::isfinite(row.seconds)) seconds += row.seconds;
  std::string out = "<dl class=\"figures\">\n";
  if (const EpochMetrics* best = best_epoch(history))
    out += figure_text("best test accuracy", fmt::format("{:.2f} %", 100 * best->test_accuracy),
                       fmt::format("in epoch {}", best->epoch));
  if (std::isfinite(last.test_loss))
    out += figure_text("test loss at the end", fmt::format("{:.4g}", last.test_loss), "");
  if (std::isfinite(last.images_per_second))
    out += figure_text("training speed", grouped(std::llround(last.images_per_second)),
                       escape(report.samples) + "/s");
  const auto epochs = static_cast<std::int64_t>(history.size());
  out += figure_text("time", duration_text(seconds),
                     fmt::format("for {} epoch{}", grouped(epochs), epochs == 1 ? "" : "s"));
  return out + "</dl>\n";
}

std::string summary_section(const Report& report) {
  if (report.summary.empty()) return "";
  std::string out = "<section>\n<h2>Settings</h2>\n<dl class=\"facts\">\n";
  for (const auto& [name, value] : report.summary)
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
  return out + "</dl>\n</section>\n";
}

std::string epochs_table(const Report& report) {
  std::string out =
      "<details><summary>Every epoch in numbers</summary>\n<div "
      "class=\"scroll\"><table><thead><tr>";
  const std::string rate = escape(report.samples) + "/s";
  for (const char* name : {"epoch", "train loss", "train accuracy", "test loss", "test accuracy",
                           "seconds", rate.c_str()})
    out += fmt::format("<th class=\"number\">{}</th>", name);
  out += "</tr></thead><tbody>\n";
  for (const EpochMetrics& row : report.history) {
    out += "<tr>";
    for (const std::string& cell :
         {fmt::format("{}", row.epoch), fmt::format("{:.4g}", row.train_loss),
          fmt::format("{:.4f}", row.train_accuracy), fmt::format("{:.4g}", row.test_loss),
          fmt::format("{:.4f}", row.test_accuracy), fmt::format("{:.1f}", row.seconds),
          fmt::format("{:.0f}", row.images_per_second)})
      out += fmt::format("<td class=\"number\">{}</td>", cell);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></details>\n";
}

// One measure of training and test set over the epochs.
LineChart chart_of(const std::vector<EpochMetrics>& history, double EpochMetrics::*train,
                   double EpochMetrics::*test) {
  LineChart chart;
  chart.series = {{"train", "train", {}}, {"test", "test", {}}};
  for (const EpochMetrics& row : history) {
    chart.epochs.push_back(row.epoch);
    chart.series[0].values.push_back(row.*train);
    chart.series[1].values.push_back(row.*test);
  }
  return chart;
}

std::string learning_section(const Report& report) {
  const std::vector<EpochMetrics>& history = report.history;
  if (history.empty()) return "";
  LineChart loss = chart_of(history, &EpochMetrics::train_loss, &EpochMetrics::test_loss);
  loss.description = "Loss over the epochs, training and test set";
  LineChart accuracy =
      chart_of(history, &EpochMetrics::train_accuracy, &EpochMetrics::test_accuracy);
  accuracy.description = "Accuracy over the epochs, training and test set";
  accuracy.most = 1;
  std::string note;
  if (const EpochMetrics* best = best_epoch(history)) {
    accuracy.ring = best->epoch;
    note = " The ring marks the " + best_epoch_text(*best) + ".";
  }
  return fmt::format(
      "<section>\n<h2>Learning</h2>\n<p class=\"note\">Means over an epoch; the training set's are "
      "taken while the weights still move.{}</p>\n<div class=\"pair\">\n"
      "<figure><figcaption><h3>Loss</h3></figcaption>{}</figure>\n"
      "<figure><figcaption><h3>Accuracy</h3></figcaption>{}</figure>\n</div>\n{}</section>\n",
      note, line_chart(loss), line_chart(accuracy), epochs_table(report));
}

std::string layers_section(const std::vector<LayerActivity>& layers) {
  if (layers.empty()) return "";
  double most = 0;
  for (const LayerActivity& layer : layers)
    if (std::isfinite(layer.firing_rate)) most = std::max(most, layer.firing_rate);
  const Scale scale = nice_scale(0, most, 4);
  std::string out =
      "<section>\n<h2>Firing rates</h2>\n<p class=\"note\">Spikes per neuron and time step, a "
      "mean over test samples.</p>\n<table class=\"layers\"><thead><tr><th>layer</th><th>kind</th>"
      "<th class=\"wide\"></th><th class=\"number\">rate</th></tr></thead>\n<tbody>\n";
  for (const LayerActivity& layer : layers) {
    const bool measured = std::isfinite(layer.firing_rate);
    const std::string value = !measured                ? "not measured"
                              : layer.firing_rate == 0 ? "silent"
                                                       : fmt::format("{:.4f}", layer.firing_rate);
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td></tr>\n",
                       escape(layer.name), escape(layer.kind),
                       bar("rate", 0, measured ? scale.share(layer.firing_rate) : 0), value);
  }
  return out + fmt::format(
                   "</tbody><tfoot><tr><td></td><td></td><td><div class=\"axis\"><span>{}</span>"
                   "<span>{}</span></div></td><td></td></tr></tfoot></table>\n</section>\n",
                   scale.label(scale.first), scale.label(scale.last));
}

}  // namespace

std::string report_html(const Report& report) {
  check(report);
  const std::string title = escape(report.title);
  const BuildInfo build = build_info();
  return fmt::format(
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{}</style>\n</head>\n"
             "<body>\n<main>\n<header>\n<p class=\"overline\">Ranvier training report</p>\n"
             "<h1>{}</h1>\n{}</header>\n",
             title, report_style, title, head_figures(report)) +
         summary_section(report) + learning_section(report) + confusion_section(report) +
         layers_section(report.layers) + examples_section(report) +
         fmt::format(
             "<footer>Made by Ranvier {} ({}).</footer>\n</main>\n</body>\n"
             "</html>\n",
             build.version, build.revision);
}

void write_report(const std::filesystem::path& path, const Report& report) {
  replace_file("report", path, report_html(report));
}

}  // namespace ranvier::apps
