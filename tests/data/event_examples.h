// Recordings and a framing for tests of what happens between them.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/data/events/memory_recordings.h"
#include "ranvier/data/transforms/framing.h"
#include "tests/support/events.h"

namespace ranvier::test {

/// `count` recordings of different lengths, from none to 99 events; labels are indices modulo 5.
inline std::shared_ptr<const MemoryRecordings> example_recordings(std::int64_t count,
                                                                  const Sensor& sensor = {
                                                                      .width = 20}) {
  std::vector<Events> events;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    events.push_back(random_events(sensor, i * 37 % 100, static_cast<std::uint64_t>(i), 0,
                                   500 * (i * 37 % 100)));
    labels.push_back(i % 5);
  }
  return std::make_shared<MemoryRecordings>("demo", sensor, std::move(events), std::move(labels),
                                            std::vector<std::string>(5, "class"));
}

/// Another's recordings, some of which cannot be read.
class DamagedRecordings final : public Recordings {
 public:
  DamagedRecordings(std::shared_ptr<const Recordings> whole, std::set<std::int64_t> damaged)
      : whole_(std::move(whole)), damaged_(std::move(damaged)) {}
  const std::string& name() const override { return whole_->name(); }
  std::int64_t size() const override { return whole_->size(); }
  const Sensor& sensor() const override { return whole_->sensor(); }
  const std::vector<std::string>& classes() const override { return whole_->classes(); }
  std::int64_t label(std::int64_t index) const override { return whole_->label(index); }
  std::string identity() const override { return whole_->identity() + ", damaged"; }
  void read(std::int64_t index, Events& events) const override {
    if (damaged_.contains(index)) fail(ErrorCode::format, "[demo] recording {} is damaged.", index);
    whole_->read(index, events);
  }

 private:
  std::shared_ptr<const Recordings> whole_;
  std::set<std::int64_t> damaged_;
};

/// Counts in windows that begin at the first event: what a framing does, in its plainest form.
struct PlainWindows {
  std::int64_t window = 1000;

  std::int64_t steps(const Events& events) const {
    return events.empty() ? 1 : (events.t.back() - events.t.front()) / window + 1;
  }
  Shape frame(const Sensor& sensor) const { return sensor.frame(); }
  void write(const Events& events, const Sensor& sensor, const FrameRows& out) const {
    const std::int64_t cells = frame(sensor).numel();
    for (std::int64_t step = 0; step < out.steps; ++step)
      std::fill_n(out.first + step * out.stride, cells, 0.0f);
    for (std::size_t i = 0; i < events.t.size(); ++i) {
      const std::int64_t step = (events.t[i] - events.t[0]) / window - out.begin;
      const std::int64_t polarity = sensor.polarities == 1 ? 0 : events.p[i];
      const std::int64_t cell =
          (events.y[i] * sensor.width + events.x[i]) * sensor.polarities + polarity;
      if (step >= 0 && step < out.steps) out.first[step * out.stride + cell] += 1;
    }
  }
  std::string describe() const { return "PlainWindows(window=" + std::to_string(window) + ")"; }
};

/// Drops every event with probability one half.
struct DropHalf {
  static constexpr bool random = true;
  Sensor sensor_after(const Sensor& sensor) const { return sensor; }
  void operator()(Events& events, const Sensor&, RandomStream& random) const {
    keep_if(events, [&](std::int64_t) { return random.with_probability(0.5); });
  }
  std::string describe() const { return "DropHalf()"; }
};

/// Joins groups of channels.
struct JoinChannels {
  static constexpr bool random = false;
  std::int64_t group = 4;
  Sensor sensor_after(const Sensor& sensor) const {
    return {.width = sensor.width / group, .height = sensor.height};
  }
  void operator()(Events& events, const Sensor&, RandomStream&) const {
    for (std::int16_t& x : events.x) x = static_cast<std::int16_t>(x / group);
  }
  std::string describe() const { return "JoinChannels(group=" + std::to_string(group) + ")"; }
};

}  // namespace ranvier::test
