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
    const std::string defect = defect_of(events_[i], sensor_);
    RV_CHECK(defect.empty(), "[{}] recording {}: {}.", name_, i, defect);
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
