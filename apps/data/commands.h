// The subcommands of ranvier-data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "apps/data/event_source.h"

namespace CLI {
class App;
}

namespace ranvier::apps {

/// What the subcommand of the command line does; returns the exit status.
using Chosen = std::function<int()>;

/// Adds all of them, one of which must be on the command line.
void add_data_commands(CLI::App& app, Chosen& chosen);

// Each adds a subcommand with its options, which sets `chosen` when it is on the command line.
void add_info_command(CLI::App& app, Chosen& chosen);
void add_head_command(CLI::App& app, Chosen& chosen);
void add_convert_command(CLI::App& app, Chosen& chosen);
void add_generate_command(CLI::App& app, Chosen& chosen);
void add_cache_command(CLI::App& app, Chosen& chosen);
void add_plot_command(CLI::App& app, Chosen& chosen);

/// Makes a folder and those above it. Error: that is not possible.
void make_folder(const std::filesystem::path& folder);

/// Reads all recordings of `source` in their order and hands them to `use`, with a progress line on
/// stderr that begins with `label`. With `skip_bad`, those that cannot be read are left out, and at
/// the end a warning tells how many and why the first; otherwise they are an error.
void for_each_recording(
    const EventSource& source, bool skip_bad, const std::string& label,
    const std::function<void(const SourceEntry& entry, const SourceRecording& found)>& use);

}  // namespace ranvier::apps
