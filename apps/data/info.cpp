// ranvier-data info and head: what is in files of events.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>

#include "apps/data/commands.h"
#include "apps/support/text.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

struct InfoOptions {
  std::filesystem::path path{};
  SourceOptions source{};
};

/// Sums over the recordings of one format and sensor.
struct Sums {
  std::int64_t recordings = 0, events = 0, fewest = 0, most = 0, on = 0, empty = 0;
  std::int64_t shortest = 0, longest = 0;  // microseconds from the first event to the last
  double length = 0;

  void add(const Events& found) {
    const std::int64_t us = found.empty() ? 0 : found.t.back() - found.t.front();
    if (recordings == 0) fewest = found.size(), shortest = us;
    ++recordings;
    events += found.size();
    on += std::count(found.p.begin(), found.p.end(), std::uint8_t{1});
    empty += found.empty();
    fewest = std::min(fewest, found.size()), most = std::max(most, found.size());
    shortest = std::min(shortest, us), longest = std::max(longest, us);
    length += static_cast<double>(us);
  }
};

void line(const char* name, const std::string& value) { fmt::print("{:<12}{}\n", name, value); }

std::string about(const std::string& format) {
  return format == "hdf5" ? "spike trains in HDF5, as SHD"
                          : std::string(event_format(format).about);
}

std::string milliseconds(double us) { return fmt::format("{:.1f} ms", us / 1000); }

std::string percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? "-"
                    : fmt::format("{:.1f} %",
                                  100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string polarities(const Sensor& sensor, std::int64_t on, std::int64_t events) {
  return sensor.polarities == 2 ? fmt::format(", ON {}", percent(on, events)) : "";
}

/// Pixels or channels that have an event.
std::int64_t active_pixels(const Recording& recording) {
  std::set<std::int64_t> seen;
  for (std::size_t i = 0; i < recording.events.x.size(); ++i)
    seen.insert(recording.events.y[i] * recording.sensor.width + recording.events.x[i]);
  return static_cast<std::int64_t>(seen.size());
}

void print_one(const SourceEntry& entry, const SourceRecording& found) {
  const auto& [recording, format] = found;
  const Events& events = recording.events;
  const Sensor& sensor = recording.sensor;
  const std::int64_t pixels = sensor.width * sensor.height;
  line("recording", entry.name());
  line("format", format + ", " + about(format));
  line("sensor", to_string(sensor) + (sensor.height == 1 ? " channels" : ""));
  if (entry.index >= 0) line("class", entry.class_name);
  line("events",
       grouped(events.size()) +
           polarities(sensor, std::count(events.p.begin(), events.p.end(), 1), events.size()));
  if (events.empty()) return;
  const std::int64_t us = events.t.back() - events.t.front();
  line("time", fmt::format("{} to {} us, {}", grouped(events.t.front()), grouped(events.t.back()),
                           milliseconds(static_cast<double>(us))));
  if (us > 0)
    line("rate",
         grouped(std::llround(1e6 * static_cast<double>(events.size()) / static_cast<double>(us))) +
             " events/s");
  const std::int64_t active = active_pixels(recording);
  line(sensor.height == 1 ? "channels" : "pixels",
       fmt::format("{} of {} have events ({})", grouped(active), grouped(pixels),
                   percent(active, pixels)));
}

void print_classes(const std::map<std::string, std::int64_t>& classes) {
  constexpr std::size_t columns = 80;
  fmt::print("\n{} classes (recordings):", classes.size());
  std::size_t at = columns;
  for (const auto& [name, count] : classes) {
    const std::string text = fmt::format("{} ({})", name, count);
    if (at + text.size() + 2 > columns) fmt::print("\n "), at = 1;
    fmt::print(" {}", text);
    at += text.size() + 1;
  }
  fmt::print("\n");
}

void print_sums(const std::string& format, const Sensor& sensor, const Sums& sums) {
  const auto count = static_cast<double>(sums.recordings);
  line("format", format + ", " + about(format));
  line("sensor", to_string(sensor));
  line("recordings", grouped(sums.recordings) +
                         (sums.empty > 0 ? fmt::format(", {} without events", sums.empty) : ""));
  line("events", grouped(sums.events) + polarities(sensor, sums.on, sums.events));
  line("  of each", fmt::format("{} to {}, mean {}", grouped(sums.fewest), grouped(sums.most),
                                grouped(std::llround(static_cast<double>(sums.events) / count))));
  line("length", fmt::format("{} to {}, mean {}", milliseconds(static_cast<double>(sums.shortest)),
                             milliseconds(static_cast<double>(sums.longest)),
                             milliseconds(sums.length / count)));
}

int info(const InfoOptions& o) {
  const EventSource source(o.path, o.source);
  std::map<std::string, std::int64_t> classes;
  std::map<std::string, std::pair<Sensor, Sums>> groups;  // by format and sensor
  std::map<std::string, std::string> formats;
  const bool one = source.entries().size() == 1;
  for_each_recording(
      source, o.source.skip_bad, "reading", [&](const auto& entry, const auto& found) {
        if (one) return print_one(entry, found);
        ++classes[entry.class_name];
        const std::string key = found.format + " " + to_string(found.recording.sensor);
        formats[key] = found.format;
        auto& [sensor, sums] = groups[key];
        sensor = found.recording.sensor;
        sums.add(found.recording.events);
      });
  for (const auto& [key, group] : groups) {
    if (key != groups.begin()->first) fmt::print("\n");
    print_sums(formats.at(key), group.first, group.second);
  }
  if (!one) print_classes(classes);
  return 0;
}

struct HeadOptions {
  std::filesystem::path path{};
  SourceOptions source{};
  std::int64_t count = 10, first = 0;
};

int head(const HeadOptions& o) {
  RV_CHECK(o.count >= 0 && o.first >= 0, "--events and --first must be >= 0; got {} and {}.",
           o.count, o.first);
  SourceOptions options = o.source;
  if (!options.sample) options.sample = 0;
  const EventSource source(o.path, options);
  const Recording recording = source.read(source.entries().front()).recording;
  const Events& events = recording.events;
  fmt::print("{:>14} {:>6} {:>6} {:>2}\n", "t_us", "x", "y", "p");
  const std::int64_t begin = std::min(o.first, events.size());
  const std::int64_t end = begin + std::min(o.count, events.size() - begin);
  for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
    fmt::print("{:>14} {:>6} {:>6} {:>2}\n", events.t[i], events.x[i], events.y[i], events.p[i]);
  return 0;
}

}  // namespace

void add_info_command(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<InfoOptions>();
  CLI::App* command = app.add_subcommand("info", "What is in a file, or in all files of a folder");
  command->add_option("path", o->path, "File or folder")->required();
  add_source_options(*command, o->source, true);
  command->callback([&chosen, o] { chosen = [o] { return info(*o); }; });
}

void add_head_command(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<HeadOptions>();
  CLI::App* command = app.add_subcommand("head", "The first events of a recording, as text");
  command->add_option("path", o->path, "File or folder")->required();
  command->add_option("-n,--events", o->count, "Print so many events")->capture_default_str();
  command->add_option("--first", o->first, "Begin with event N, counted from 0")
      ->capture_default_str();
  add_source_options(*command, o->source, false);
  command->callback([&chosen, o] { chosen = [o] { return head(*o); }; });
}

}  // namespace ranvier::apps
