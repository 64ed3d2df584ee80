#include "apps/data/commands.h"

#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "apps/support/progress.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {

void add_data_commands(CLI::App& app, Chosen& chosen) {
  app.require_subcommand(1);
  add_info_command(app, chosen);
  add_head_command(app, chosen);
  add_convert_command(app, chosen);
  add_generate_command(app, chosen);
  add_cache_command(app, chosen);
  add_plot_command(app, chosen);
  // Set last, or each of them would end with it too.
  app.footer("ranvier-data SUBCOMMAND --help lists the options of each.\n\nFormats:\n" +
             list_event_formats() + "  hdf5    .h5      spike trains in the layout of SHD");
}

void for_each_recording(
    const EventSource& source, bool skip_bad, const std::string& label,
    const std::function<void(const SourceEntry& entry, const SourceRecording& found)>& use) {
  const auto total = static_cast<std::int64_t>(source.entries().size());
  Progress progress(label, total, {.unit = "rec", .out = stderr});
  std::int64_t done = 0, bad = 0;
  std::string first_error;
  for (const SourceEntry& entry : source.entries()) {
    try {
      use(entry, source.read(entry));
    } catch (const Error& error) {
      if (!skip_bad) throw;
      if (bad++ == 0) first_error = error.what();
    }
    progress.update(++done);
  }
  progress.finish();
  if (bad > 0)
    spdlog::warn("skipped {} of {} recordings, the first because: {}", bad, total, first_error);
  if (bad == total) fail(ErrorCode::format, "none of {} recordings can be read.", total);
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    fail(ErrorCode::io, "{}: cannot create the folder: {}.", folder.string(), error.message());
}

}  // namespace ranvier::apps
