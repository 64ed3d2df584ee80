#include "apps/tasks/event_feeds.h"

#include <CLI/CLI.hpp>

#include <utility>

#include "apps/support/progress.h"
#include "apps/tasks/event_samples.h"
#include "ranvier/core/error.h"
#include "ranvier/data/event_cache.h"
#include "ranvier/data/transforms/to_frame.h"

namespace ranvier::apps {
namespace {

EventDatasetOptions framed(const EventPipeline& pipeline, EventTransform transform, bool skip_bad) {
  const bool windows = pipeline.time_step > 0;
  return {.framing = windows ? ToFrame{.time_window = pipeline.time_step,
                                       .include_incomplete = true,
                                       .start = 0}
                             : ToFrame{.n_time_bins = pipeline.steps},
          .transform = std::move(transform),
          .max_steps = pipeline.steps,
          .part = pipeline.part,
          .skip_bad = skip_bad};
}

}  // namespace

void add_event_feed_options(CLI::App& app, EventFeedOptions& o) {
  app.add_option("--feed", o.feed, "Where recordings come from: file, disk or device")
      ->capture_default_str()
      ->group("Data");
  app.add_option("--cache-dir", o.cache_dir, "Folder of --feed disk and of generated data")
      ->capture_default_str()
      ->group("Data");
  app.add_flag("--skip-bad", o.skip_bad, "Leave out and count damaged recordings")->group("Data");
  app.add_option("--validation", o.validation, "Hold out this part of training; test on it")
      ->capture_default_str()
      ->group("Data");
}

std::shared_ptr<const Recordings> cached_recordings(std::shared_ptr<const Recordings> recordings,
                                                    const EventTransform& fixed,
                                                    const std::filesystem::path& folder) {
  Progress progress("caching " + recordings->name(), recordings->size(),
                    {.unit = "rec", .out = stderr});
  return cached(std::move(recordings), fixed,
                {.folder = folder,
                 .progress = [&](std::int64_t done, std::int64_t) { progress.update(done); }});
}

std::unique_ptr<Samples> fed_recordings(std::shared_ptr<const Recordings> recordings,
                                        const EventPipeline& pipeline,
                                        const EventFeedOptions& options, Device device) {
  if (options.feed == "file")
    return event_samples(std::move(recordings),
                         framed(pipeline, pipeline.fixed | pipeline.varied, options.skip_bad));
  if (options.feed == "disk") {
    auto kept = cached_recordings(std::move(recordings), pipeline.fixed, options.cache_dir);
    return event_samples(std::move(kept), framed(pipeline, pipeline.varied, options.skip_bad));
  }
  RV_CHECK(options.feed == "device", "--feed must be file, disk or device; got '{}'.",
           options.feed);
  RV_CHECK(
      !pipeline.varied.is_random(),
      "--feed device keeps recordings as they are and cannot vary them by {}; use --feed disk.",
      pipeline.varied.describe());
  return resident_samples(std::move(recordings), framed(pipeline, pipeline.fixed, options.skip_bad),
                          device);
}

}  // namespace ranvier::apps
