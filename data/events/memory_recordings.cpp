#include "ranvier/data/events/memory_recordings.h"

#include <utility>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/checksum.h"

namespace ranvier {
namespace {

template <class Value>
std::uint64_t continued(std::uint64_t sum, const std::vector<Value>& column) {
  return detail::checksum_of(
      {reinterpret_cast<const std::uint8_t*>(column.data()), column.size() * sizeof(Value)}, sum);
}

std::string identity_of(const std::string& name, const std::vector<Events>& recordings,
                        const std::vector<std::int64_t>& labels) {
  std::uint64_t sum = continued(0, labels);
  for (const Events& events : recordings)
    sum = continued(continued(continued(continued(sum, events.t), events.x), events.y), events.p);
  return fmt::format("{}, in memory, checksum {:016x}", name, sum);
}

}  // namespace

MemoryRecordings::MemoryRecordings(std::string name, const Sensor& sensor,
                                   std::vector<Events> events, std::vector<std::int64_t> labels,
                                   std::vector<std::string> classes)
    : name_(std::move(name)),
      sensor_(sensor),
      events_(std::move(events)),
      labels_(std::move(labels)),
      classes_(std::move(classes)) {
  RV_CHECK(labels_.size() == events_.size(),
           "[{}] every recording must have a label; got {} recordings and {} labels.", name_,
           events_.size(), labels_.size());
  for (std::size_t i = 0; i < events_.size(); ++i) {
    RV_CHECK(labels_[i] >= 0 && labels_[i] < static_cast<std::int64_t>(classes_.size()),
             "[{}] labels must be in [0, {}); got {} for recording {}.", name_, classes_.size(),
             labels_[i], i);
    const std::int64_t outside = first_outside(events_[i], sensor_);
    RV_CHECK(outside < 0, "[{}] event {} of recording {} lies outside the sensor of {}.", name_,
             outside, i, to_string(sensor_));
    RV_CHECK(in_time_order(events_[i]),
             "[{}] the events of recording {} must be in the order of time.", name_, i);
    RV_CHECK(events_[i].empty() ||
                 (events_[i].t.front() >= -max_time && events_[i].t.back() <= max_time),
             "[{}] the times of recording {} must be within {} us of 0.", name_, i, max_time);
  }
  identity_ = identity_of(name_, events_, labels_);
}

std::int64_t MemoryRecordings::label(std::int64_t index) const {
  check_index(*this, index);
  return labels_[static_cast<std::size_t>(index)];
}

void MemoryRecordings::read(std::int64_t index, Events& events) const {
  events = *in_memory(index);
}

const Events* MemoryRecordings::in_memory(std::int64_t index) const {
  check_index(*this, index);
  return &events_[static_cast<std::size_t>(index)];
}

}  // namespace ranvier
