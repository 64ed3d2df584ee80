// The three ways in which recordings reach a network, and the options of all event trainers.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "apps/tasks/samples.h"
#include "ranvier/core/partition.h"
#include "ranvier/data/events/recordings.h"
#include "ranvier/data/transforms/transform.h"

namespace CLI {
class App;
}

namespace ranvier::apps {

struct EventFeedOptions {
  std::string feed = "file";  ///< "file", "disk" or "device"
  std::filesystem::path cache_dir = "runs/cache";
  bool skip_bad = false;
  double validation = 0;  ///< part of the training recordings to test on; 0: the test recordings
};

/// Adds `--feed`, `--cache-dir`, `--skip-bad` and `--validation`.
void add_event_feed_options(CLI::App& app, EventFeedOptions& options);

/// What becomes of recordings on their way into a batch.
struct EventPipeline {
  EventTransform fixed;        ///< the same in every epoch: what a cache keeps
  EventTransform varied = {};  ///< behind it, new in every epoch
  /// Microseconds of a frame, of which there are `steps` at most, counted from time 0; 0: `steps`
  /// equally long frames from the first to the last event.
  std::int64_t time_step = 0;
  std::int64_t steps = 0;
  std::optional<Slice> part = {};  ///< of the steps that batches have; see `EventDatasetOptions`
};

/// `recordings` with `fixed` applied, from a cache in `folder` that is built with a progress line
/// on stderr if it is not there. Errors: those of `cached`.
std::shared_ptr<const Recordings> cached_recordings(std::shared_ptr<const Recordings> recordings,
                                                    const EventTransform& fixed,
                                                    const std::filesystem::path& folder);

/// `recordings` by the way of `options.feed`, for training on `device`. Errors: no such feed;
/// `varied` with the feed "device", which keeps events as they are; those of caches and data sets.
std::unique_ptr<Samples> fed_recordings(std::shared_ptr<const Recordings> recordings,
                                        const EventPipeline& pipeline,
                                        const EventFeedOptions& options, Device device);

}  // namespace ranvier::apps
