// ranvier-data cache: builds the cache that an event trainer with the same options reads.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cmath>
#include <memory>

#include "apps/data/commands.h"
#include "apps/support/text.h"
#include "apps/tasks/event_feeds.h"
#include "apps/tasks/event_sets.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

using Clock = std::chrono::steady_clock;

struct CacheCommand {
  std::string dataset{}, split = "train";
  std::filesystem::path data_dir{}, cache_dir = EventFeedOptions{}.cache_dir;
  std::int64_t width = 0;
  double duration = 0;  // milliseconds
};

Split split_named(const std::string& text) {
  for (const Split split : {Split::train, Split::valid, Split::test})
    if (text == name(split)) return split;
  fail(ErrorCode::invalid_argument, "--split must be train, valid or test; got '{}'.", text);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int cache(const CacheCommand& o) {
  RV_CHECK(o.width >= 0 && o.duration >= 0 && o.duration < 1e9,
           "--width and --duration must be >= 0; got {} and {}.", o.width, o.duration);
  const auto recordings =
      open_event_set(o.dataset, {.split = split_named(o.split), .directory = o.data_dir});
  auto start = Clock::now();
  const auto kept = cached_recordings(
      recordings, preparation(recordings->sensor(), o.width, std::llround(1000 * o.duration)),
      o.cache_dir);
  const double opened = seconds_since(start);
  start = Clock::now();
  Events events;
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < kept->size(); ++i) {
    kept->read(i, events);
    total += events.size();
  }
  const auto rate = static_cast<double>(kept->size()) / seconds_since(start);
  fmt::print("{}: {} recordings, {} events of {}\n", kept->name(), grouped(kept->size()),
             grouped(total), to_string(kept->sensor()));
  fmt::print("opened or built in {:.1f} s, read at {} recordings/s: {}\n", opened,
             grouped(std::llround(rate)), o.cache_dir.string());
  return 0;
}

}  // namespace

void add_cache_command(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<CacheCommand>();
  CLI::App* command = app.add_subcommand("cache", "Build the cache of a trainer's --feed disk");
  command->add_option("dataset", o->dataset, "Name, see below")->required();
  command->footer("Data sets: " + event_set_names());
  command->add_option("--data-dir", o->data_dir, "Folder of the data set")->required();
  const auto add = [&](const char* name, auto& value, const char* help) {
    command->add_option(name, value, help)->capture_default_str();
  };
  add("--cache-dir", o->cache_dir, "Folder of the caches");
  add("--split", o->split, "train, valid or test");
  add("--width", o->width, "Channels, or pixels of a side; 0: as recorded");
  add("--duration", o->duration, "Keep so many ms; 0: all");
  command->callback([&chosen, o] { chosen = [o] { return cache(*o); }; });
}

}  // namespace ranvier::apps
