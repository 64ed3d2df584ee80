#include "ranvier/data/transforms/lookup.h"

#include <numeric>

namespace ranvier {

EventLookup::EventLookup(const Sensor& sensor)
    : x(static_cast<std::size_t>(sensor.width)), y(static_cast<std::size_t>(sensor.height)) {
  std::iota(x.begin(), x.end(), std::int16_t{0});
  std::iota(y.begin(), y.end(), std::int16_t{0});
}

}  // namespace ranvier
