#include "apps/support/event_samples.h"

#include <fmt/core.h>

#include <utility>

#include "apps/support/loaded_samples.h"
#include "ranvier/data/resident_events.h"

namespace ranvier::apps {
namespace {

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
  SkippedRecordings skipped() const override { return dataset_.skipped(); }
};

class ResidentSamples final : public LoadedSamples<ResidentEvents> {
 public:
  ResidentSamples(std::shared_ptr<const Recordings> recordings, const EventDatasetOptions& options,
                  Device device)
      : LoadedSamples(ResidentEvents(recordings, options, device), true),
        recordings_(std::move(recordings)) {}

  const std::string& name() const override { return recordings_->name(); }
  const std::vector<std::string>& classes() const override { return recordings_->classes(); }
  std::int64_t label(std::int64_t sample) const override { return recordings_->label(sample); }
  SkippedRecordings skipped() const override { return dataset_.skipped(); }

 private:
  std::shared_ptr<const Recordings> recordings_;
};

class FirstRecordings final : public Recordings {
 public:
  FirstRecordings(std::shared_ptr<const Recordings> all, std::int64_t count)
      : all_(std::move(all)), count_(count) {}

  const std::string& name() const override { return all_->name(); }
  std::int64_t size() const override { return count_; }
  const Sensor& sensor() const override { return all_->sensor(); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  std::int64_t label(std::int64_t index) const override {
    check_index(*this, index);
    return all_->label(index);
  }
  void read(std::int64_t index, Events& events) const override {
    check_index(*this, index);
    all_->read(index, events);
  }
  std::string identity() const override {
    return fmt::format("the first {} of {}", count_, all_->identity());
  }

 private:
  std::shared_ptr<const Recordings> all_;
  std::int64_t count_;
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

std::shared_ptr<const Recordings> first_recordings(std::shared_ptr<const Recordings> recordings,
                                                   std::int64_t count) {
  if (count == 0 || count >= recordings->size()) return recordings;
  return std::make_shared<FirstRecordings>(std::move(recordings), count);
}

}  // namespace ranvier::apps
