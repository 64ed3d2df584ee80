#include "ranvier/data/events/recordings.h"

#include "ranvier/core/error.h"

namespace ranvier {

void check_index(const Recordings& recordings, std::int64_t index) {
  RV_CHECK(index >= 0 && index < recordings.size(),
           "[{}] recording {} is out of range; there are {}.", recordings.name(), index,
           recordings.size());
}

}  // namespace ranvier
