// ranvier-data plot: a recording as a picture.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <memory>

#include "apps/data/commands.h"
#include "apps/data/event_plot.h"
#include "apps/support/output_file.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

struct PlotOptions {
  std::filesystem::path in{}, out{};
  EventPlotOptions plot{};
  SourceOptions source{};
};

int plot(const PlotOptions& o) {
  const std::string extension = o.out.extension().string();
  RV_CHECK(extension == ".svg" || extension == ".png", "{}: a plot must be .svg or .png.",
           o.out.string());
  SourceOptions options = o.source;
  if (!options.sample) options.sample = 0;
  const EventSource source(o.in, options);
  const SourceEntry& entry = source.entries().front();
  EventPlotOptions plot = o.plot;
  plot.title = entry.file.filename().string();
  if (entry.index >= 0) plot.title += fmt::format(" sample {}, {}", entry.index, entry.class_name);
  const Drawing drawing = event_plot(source.read(entry).recording, plot);
  if (extension == ".svg") {
    replace_file("plot", o.out, to_svg(drawing));
  } else {
    const auto png = to_png(drawing);
    replace_file("plot", o.out, {reinterpret_cast<const char*>(png.data()), png.size()});
  }
  fmt::print("{}\n", o.out.string());
  return 0;
}

}  // namespace

void add_plot_command(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<PlotOptions>();
  CLI::App* command = app.add_subcommand("plot", "Draw a recording as a raster or frames");
  command->add_option("in", o->in, "File or folder")->required();
  command->add_option("out", o->out, "File .svg or .png")->required();
  command->add_option("--frames", o->plot.frames, "Frames of a sensor of pixels")
      ->capture_default_str();
  add_source_options(*command, o->source, false);
  command->callback([&chosen, o] { chosen = [o] { return plot(*o); }; });
}

}  // namespace ranvier::apps
