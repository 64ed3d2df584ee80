#include "apps/data/event_source.h"

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/event_sets/spike_file.h"

namespace ranvier::apps {
namespace {

namespace fs = std::filesystem;

ReadEventsOptions read_options(const SourceOptions& o) {
  RV_CHECK(o.time_order == "sort" || o.time_order == "reject",
           "--time-order must be sort or reject; got '{}'.", o.time_order);
  ReadEventsOptions options{
      .read = {.order = o.time_order == "sort" ? TimeOrder::sort : TimeOrder::reject},
      .format = o.format};
  if (!o.sensor.empty()) options.sensor = parse_sensor(o.sensor);
  if (!o.format.empty() && o.format != "hdf5") event_format(o.format);
  return options;
}

std::int64_t channels_of(const fs::path& file, const ReadEventsOptions& options) {
  if (!options.sensor) return SpikeFileOptions{}.channels;
  RV_CHECK(options.sensor->height == 1 && options.sensor->polarities == 1,
           "{}: --sensor must be a number of channels for spike trains; got {}.", file.string(),
           to_string(*options.sensor));
  return options.sensor->width;
}

/// True for files of a folder that are taken for recordings.
bool counts(const fs::path& file, const SourceOptions& options) {
  if (is_spike_file(file)) return options.format.empty() || options.format == "hdf5";
  const std::string extension = file.extension().string();
  if (!options.format.empty())
    return options.format != "hdf5" && event_format(options.format).extension == extension;
  const auto formats = event_formats();
  return extension != ".csv" && std::any_of(formats.begin(), formats.end(), [&](const auto& row) {
           return row.extension == extension;
         });
}

}  // namespace

std::string SourceEntry::name() const {
  return index < 0 ? file.string() : fmt::format("{} sample {}", file.string(), index);
}

Sensor parse_sensor(const std::string& text) {
  std::array<std::int64_t, 3> extents{0, 0, 0};
  std::size_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (count < extents.size()) {
    const auto [next, error] = std::from_chars(at, end, extents[count]);
    if (error != std::errc()) break;
    ++count;
    at = next;
    if (at == end || *at != 'x') break;
    ++at;
  }
  constexpr std::int64_t most = 32768;
  const Sensor sensor{.width = extents[0],
                      .height = count > 1 ? extents[1] : 1,
                      .polarities = count > 2   ? extents[2]
                                    : count > 1 ? 2
                                                : 1};
  RV_CHECK(at == end && count > 0 && text.back() != 'x' && sensor.width >= 1 &&
               sensor.width <= most && sensor.height >= 1 && sensor.height <= most &&
               (sensor.polarities == 1 || sensor.polarities == 2),
           "--sensor must be like 34x34x2, 128x128 or 700; got '{}'.", text);
  return sensor;
}

void add_source_options(CLI::App& app, SourceOptions& o, bool many) {
  app.add_option("--format", o.format, "Format of the input (default: found out)");
  app.add_option("--sensor", o.sensor, "Its sensor: 34x34x2 or 700 (default: the file's)");
  app.add_option("--time-order", o.time_order, "Times that run backwards: sort or reject")
      ->capture_default_str();
  app.add_option("--sample", o.sample, "Take recording N alone, counted from 0");
  if (many) app.add_flag("--skip-bad", o.skip_bad, "Leave out and count what cannot be read");
}

EventSource::EventSource(const fs::path& path, const SourceOptions& options)
    : options_(options), read_(read_options(options)) {
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    fail(ErrorCode::io, "{}: there is no such file or folder.", path.string());
  if (fs::is_directory(path, ignored))
    add_folder(path);
  else
    add(path);
  if (!options.sample) return;
  const auto count = static_cast<std::int64_t>(entries_.size());
  RV_CHECK(*options.sample >= 0 && *options.sample < count,
           "{}: --sample must be in [0, {}); got {}.", path.string(), count, *options.sample);
  entries_ = {entries_[static_cast<std::size_t>(*options.sample)]};
}

void EventSource::add_folder(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && counts(entry.path(), options_)) files.push_back(entry.path());
  if (files.empty())
    fail(ErrorCode::format, "{}: none of its files has the extension of {}.", folder.string(),
         options_.format.empty() ? "a format of events" : options_.format);
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) add(file);
}

void EventSource::add(const fs::path& file) {
  if (!is_spike_file(file)) {
    entries_.push_back({.file = file, .class_name = file.parent_path().filename().string()});
    return;
  }
  const auto recordings = open_spike_file(
      file.filename().string(), file, {.channels = channels_of(file, read_), .read = read_.read});
  for (std::int64_t i = 0; i < recordings->size(); ++i)
    entries_.push_back(
        {.file = file,
         .index = i,
         .class_name = recordings->classes()[static_cast<std::size_t>(recordings->label(i))]});
  spike_files_[file] = recordings;
}

std::vector<std::string> EventSource::classes() const {
  std::vector<std::string> names;
  if (spike_files_.size() == 1) names = spike_files_.begin()->second->classes();
  for (const SourceEntry& entry : entries_)
    if (std::find(names.begin(), names.end(), entry.class_name) == names.end())
      names.push_back(entry.class_name);
  return names;
}

SourceRecording EventSource::read(const SourceEntry& entry) const {
  if (entry.index >= 0) {
    const Recordings& recordings = *spike_files_.at(entry.file);
    SourceRecording found{.recording = {.sensor = recordings.sensor(), .events = {}},
                          .format = "hdf5"};
    recordings.read(entry.index, found.recording.events);
    return found;
  }
  const auto content = detail::read_file("events", entry.file, read_.read.max_bytes);
  const EventFormat& format =
      read_.format.empty() ? recognise_format(content, entry.file) : event_format(read_.format);
  return {.recording = format.parse(content, entry.file.string(), read_),
          .format = std::string(format.name)};
}

bool is_spike_file(const fs::path& path) {
  const fs::path plain = path.extension() == ".gz" ? path.stem() : path.filename();
  return plain.extension() == ".h5" || plain.extension() == ".hdf5";
}

}  // namespace ranvier::apps
