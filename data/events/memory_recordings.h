// Recordings that lie in memory: those a program makes itself, or small sets read once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/data/events/recordings.h"

namespace ranvier {

/// Labelled events in memory.
class MemoryRecordings final : public Recordings {
 public:
  /// One label for each element of `events`. Errors, which begin with `name`: another number of
  /// labels; a label without a class; events outside the sensor, not in the order of time, or more
  /// than `max_time` from 0.
  MemoryRecordings(std::string name, const Sensor& sensor, std::vector<Events> events,
                   std::vector<std::int64_t> labels, std::vector<std::string> classes);

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(events_.size()); }
  const Sensor& sensor() const override { return sensor_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override;
  void read(std::int64_t index, Events& events) const override;
  const Events* in_memory(std::int64_t index) const override;
  bool checks_events() const override { return true; }
  std::string identity() const override { return identity_; }

 private:
  std::string name_;
  Sensor sensor_;
  std::vector<Events> events_;
  std::vector<std::int64_t> labels_;
  std::vector<std::string> classes_;
  std::string identity_;
};

}  // namespace ranvier
