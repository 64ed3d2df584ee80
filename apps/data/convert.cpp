// ranvier-data convert: events from any format to any other.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "apps/data/commands.h"
#include "apps/support/text.h"
#include "ranvier/core/error.h"
#include "ranvier/data/event_sets/spike_file_writer.h"

namespace ranvier::apps {
namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  fs::path in{}, out{};
  std::string to = {};
  SourceOptions source{};
};

struct Written {
  std::int64_t recordings = 0, events = 0;
};

/// All recordings into one file of spike trains.
Written to_spike_file(const EventSource& source, const ConvertOptions& o) {
  const std::vector<std::string> classes = source.classes();
  std::optional<SpikeFileWriter> writer;
  Written written;
  for_each_recording(
      source, o.source.skip_bad, "converting", [&](const auto& entry, const auto& found) {
        const auto& [sensor, events] = found.recording;
        if (sensor.height != 1)
          fail(ErrorCode::invalid_argument,
               "{}: the layout of SHD holds channels; this is a sensor of {} pixels. Write a "
               "folder instead.",
               entry.name(), to_string(sensor));
        if (!writer)
          writer.emplace(o.out, classes,  // f64: microseconds, however long a recording is
                         SpikeFileWriterOptions{.times = DType::f64, .channels = sensor.width});
        const auto label =
            std::find(classes.begin(), classes.end(), entry.class_name) - classes.begin();
        writer->append(events, label);
        ++written.recordings;
        written.events += events.size();
      });
  writer->finish();
  return written;
}

/// A class as the name of a folder. Error: the file that names it means a place elsewhere.
fs::path class_folder(const SourceEntry& entry) {
  const fs::path folder = entry.class_name;
  if (folder != folder.filename() || folder == "." || folder == "..")
    fail(ErrorCode::format, "{}: its class \"{}\" cannot be the name of a folder.", entry.name(),
         entry.class_name);
  return folder;
}

/// Where a recording of a folder or of a file of several goes.
fs::path place_of(const SourceEntry& entry, const ConvertOptions& o, const EventFormat& to) {
  const bool one_file = !fs::is_directory(o.in);
  fs::path place = o.out;
  if (!one_file || entry.index < 0) {
    place /= one_file ? entry.file.filename() : entry.file.lexically_relative(o.in);
    place.replace_extension();
    if (entry.file.extension() == ".gz") place.replace_extension();
  }
  if (entry.index >= 0) place = place / class_folder(entry) / fmt::format("{:05}", entry.index);
  return place += std::string(to.extension);
}

/// Error: one recording would be written over another.
void require_different_places(const EventSource& source, const ConvertOptions& o,
                              const EventFormat& to) {
  std::map<fs::path, const SourceEntry*> taken;
  for (const SourceEntry& entry : source.entries()) {
    const auto [place, free] = taken.emplace(place_of(entry, o, to), &entry);
    if (!free)
      fail(ErrorCode::invalid_argument, "{} and {} would both become {}; convert one by one.",
           place->second->name(), entry.name(), place->first.string());
  }
}

/// Each recording into a file of its own.
Written to_folder(const EventSource& source, const ConvertOptions& o) {
  RV_CHECK(!o.to.empty(), "{}: a folder is written; name its format with --to.", o.out.string());
  const EventFormat& to = event_format(o.to);
  require_different_places(source, o, to);
  Written written;
  for_each_recording(source, o.source.skip_bad, "converting",
                     [&](const auto& entry, const auto& found) {
                       const fs::path place = place_of(entry, o, to);
                       make_folder(place.parent_path());
                       write_events(place, found.recording, o.to);
                       ++written.recordings;
                       written.events += found.recording.events.size();
                     });
  return written;
}

/// Error: what is read would be written over.
void require_elsewhere(const ConvertOptions& o) {
  std::error_code unknown;  // a path that does not exist is another one
  if (fs::equivalent(o.in, o.out, unknown))
    fail(ErrorCode::invalid_argument, "{}: it would be written over itself; name another output.",
         o.out.string());
}

int convert(const ConvertOptions& o) {
  require_elsewhere(o);
  const EventSource source(o.in, o.source);
  Written written;
  if (is_spike_file(o.out)) {
    written = to_spike_file(source, o);
  } else if (source.entries().size() == 1 && !fs::is_directory(o.in) &&
             !o.out.extension().empty()) {
    const SourceRecording found = source.read(source.entries().front());
    write_events(o.out, found.recording, o.to);
    written = {1, found.recording.events.size()};
  } else {
    written = to_folder(source, o);
  }
  fmt::print("{} recording{}, {} events: {}\n", grouped(written.recordings),
             written.recordings == 1 ? "" : "s", grouped(written.events), o.out.string());
  return 0;
}

}  // namespace

void add_convert_command(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "Write events in another format");
  command->add_option("in", o->in, "File or folder")->required();
  command->add_option("out", o->out, "File, .h5 for all spike trains, or folder")->required();
  command->add_option("--to", o->to, "Format of the output (default: by its extension)");
  add_source_options(*command, o->source, true);
  command->callback([&chosen, o] { chosen = [o] { return convert(*o); }; });
}

}  // namespace ranvier::apps
