// From events to padded batches, in the ways that training can be fed.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>

#include "apps/bench/benchmark.h"
#include "ranvier/core/parallel.h"
#include "ranvier/data/event_cache.h"
#include "ranvier/data/event_dataset.h"
#include "ranvier/data/event_sets/spike_file.h"
#include "ranvier/data/event_sets/spike_file_writer.h"
#include "ranvier/data/events/memory_recordings.h"
#include "ranvier/data/loader.h"
#include "ranvier/data/resident_events.h"
#include "ranvier/data/transforms/crop.h"
#include "ranvier/data/transforms/downsample.h"

namespace ranvier::apps {
namespace {

constexpr std::int64_t recordings = 1024, channels = 700, mean_events = 8000;

/// A folder that goes when it is done with.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("feed-{}", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// As long and as busy as the spoken words of SSC: 0.8 to 1 s, 7500 to 8500 events.
std::shared_ptr<const Recordings> spoken_words() {
  std::vector<Events> all;
  std::vector<std::int64_t> labels, times;
  for (std::int64_t i = 0; i < recordings; ++i) {
    RandomStream random({.seed = 1}, i);
    const std::int64_t duration = 800'000 + random.below(200'001);
    times.resize(static_cast<std::size_t>(mean_events - 500 + random.below(1001)));
    for (std::int64_t& t : times) t = random.below(duration);
    std::sort(times.begin(), times.end());
    Events& events = all.emplace_back();
    for (const std::int64_t t : times)
      events.push_back(t, static_cast<std::int16_t>(random.below(channels)), 0, 1);
    labels.push_back(i % 35);
  }
  return std::make_shared<MemoryRecordings>("words", Sensor{.width = channels}, std::move(all),
                                            std::move(labels),
                                            std::vector<std::string>(35, "word"));
}

std::filesystem::path write_spike_file(const Recordings& source,
                                       const std::filesystem::path& path) {
  SpikeFileWriter writer(path, std::vector<std::string>(35, "word"));
  Events events;
  for (std::int64_t i = 0; i < source.size(); ++i) {
    source.read(i, events);
    writer.append(events, source.label(i));
  }
  writer.finish();
  return path;
}

/// Seconds that all threads of the process have computed.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// One pass over the shuffled set. "CPU us/sample" is what the feed takes away from whatever else
/// computes, and depends less on what that is.
template <class Set>
Measurement measure_epoch(const std::string& name, const Set& set, int workers,
                          const BenchOptions& o) {
  DataLoader loader(set, {.batch_size = o.batch, .shuffle = true, .workers = workers});
  const auto pass = [&] {
    auto epoch = loader.epoch({});
    while (epoch.next() != nullptr) {
    }
  };
  pass();  // takes the memory
  const double before = processor_seconds();
  Measurement m = measure(name, o.runs, pass);
  const double computed = processor_seconds() - before;
  m.figures = {{"samples/s", recordings / m.median_ms * 1e3},
               {"CPU us/sample", 1e6 * computed / (recordings * (o.runs + 1.0))}};
  return m;
}

/// With the caller's thread and with one and two workers.
void add_measurements(std::vector<Measurement>& results, const std::string& name,
                      const EventDataset& set, const BenchOptions& o) {
  for (const int workers : {0, 1, 2})
    results.push_back(
        measure_epoch(fmt::format("feed_{}_{}_workers", name, workers), set, workers, o));
}

/// What it costs to write the numbers of the batches alone, on one thread.
Measurement measure_zeros(const BenchOptions& o) {
  Tensor frames = empty({250, o.batch, 100});
  Measurement m = measure("feed_zeros_alone", o.runs, [&] {
    for (std::int64_t i = 0; i < recordings; i += o.batch)
      std::fill_n(frames.mutable_data<float>(), frames.numel(), 0.0f);
  });
  m.figures = {{"samples/s", recordings / m.median_ms * 1e3}};
  return m;
}

}  // namespace

// Motivation: a training step of the tutorial network (T = 250, batch 128) takes some 25 ms here,
// so the feed must stay far above 5000 samples/s. The pipeline is that of the SSC tutorial: 700
// channels to 100, one second, windows of 4 ms.
std::vector<Measurement> bench_feed(const BenchOptions& o) {
  const EventTransform prepare =
      Downsample{.spatial_factor = 100.0 / channels} | CropTime{.max = 1'000'000};
  const Framing framing = ToFrame{.time_window = 4000, .include_incomplete = true};
  const EventDatasetOptions whole{.framing = framing, .transform = prepare};
  const Folder folder;
  const auto source = spoken_words();
  const auto file = open_spike_file("file", write_spike_file(*source, folder.path() / "words.h5"));

  std::vector<Measurement> results{measure_zeros(o)};
  add_measurements(results, "events", EventDataset(source, whole), o);
  add_measurements(results, "file", EventDataset(file, whole), o);
  for (const bool compress : {false, true}) {
    const auto cache = cached(source, prepare, {.folder = folder.path(), .compress = compress});
    add_measurements(results, compress ? "cache_zstd" : "cache",
                     EventDataset(cache, {.framing = framing}), o);
  }
  results.push_back(measure_epoch(fmt::format("feed_resident_{}_threads", num_threads()),
                                  ResidentEvents(source, whole), 0, o));
  return results;
}

}  // namespace ranvier::apps
