#include "apps/tasks/event_samples.h"

#include <utility>

#include "apps/tasks/gathered_feed.h"

namespace ranvier::apps {
namespace {

Tensor whole_recording(const Recordings& recordings, std::int64_t sample) {
  Events events;
  recordings.read(sample, events);
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < events.t.size(); ++i)
    values.insert(values.end(), {events.t[i], events.x[i], events.y[i], events.p[i]});
  return from_vector(values, {events.size(), 4});
}

class EventSamples final : public LoadedSamples<EventDataset> {
 public:
  using LoadedSamples::LoadedSamples;

  const std::string& name() const override { return dataset_.recordings().name(); }
  const std::vector<std::string>& classes() const override {
    return dataset_.recordings().classes();
  }
  std::int64_t label(std::int64_t sample) const override {
    return dataset_.recordings().label(sample);
  }
  Tensor whole(std::int64_t sample) const override {
    return whole_recording(dataset_.recordings(), sample);
  }
  SkippedRecordings skipped() const override { return dataset_.skipped(); }
};

class ResidentSamples final : public LoadedSamples<ResidentEvents> {
 public:
  ResidentSamples(std::shared_ptr<const Recordings> recordings, const EventDatasetOptions& options,
                  Device device)
      : LoadedSamples(ResidentEvents(recordings, options, device), true),
        recordings_(std::move(recordings)),
        device_(device) {}

  const std::string& name() const override { return recordings_->name(); }
  const std::vector<std::string>& classes() const override { return recordings_->classes(); }
  std::int64_t label(std::int64_t sample) const override { return recordings_->label(sample); }
  Tensor whole(std::int64_t sample) const override { return whole_recording(*recordings_, sample); }
  SkippedRecordings skipped() const override { return dataset_.skipped(); }
  std::unique_ptr<Feed> gathered_feed(const LoaderOptions& options) const override {
    return std::make_unique<GatheredFeed<ResidentEvents>>(dataset_, options, device_);
  }

 private:
  std::shared_ptr<const Recordings> recordings_;
  Device device_;
};

}  // namespace

std::unique_ptr<Samples> event_samples(std::shared_ptr<const Recordings> recordings,
                                       const EventDatasetOptions& options) {
  return std::make_unique<EventSamples>(EventDataset(std::move(recordings), options));
}

std::unique_ptr<Samples> resident_samples(std::shared_ptr<const Recordings> recordings,
                                          const EventDatasetOptions& options, Device device) {
  return std::make_unique<ResidentSamples>(std::move(recordings), options, device);
}

}  // namespace ranvier::apps
