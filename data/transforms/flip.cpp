#include "ranvier/data/transforms/flip.h"

#include <vector>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"

namespace ranvier {
namespace {

void mirror(std::vector<std::int16_t>& column, std::int64_t extent) {
  const auto last = static_cast<std::int16_t>(extent - 1);
  for (std::int16_t& position : column) position = static_cast<std::int16_t>(last - position);
}

}  // namespace

Sensor RandomFlipLR::sensor_after(const Sensor& sensor) const {
  detail::check_probability("random_flip_lr", p);
  return sensor;
}

void RandomFlipLR::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  if (random.with_probability(p)) mirror(events.x, sensor.width);
}

std::string RandomFlipLR::describe() const {
  return detail::Description("RandomFlipLR").add("p", p).done();
}

Sensor RandomFlipUD::sensor_after(const Sensor& sensor) const {
  detail::check_probability("random_flip_ud", p);
  return sensor;
}

void RandomFlipUD::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  if (random.with_probability(p)) mirror(events.y, sensor.height);
}

std::string RandomFlipUD::describe() const {
  return detail::Description("RandomFlipUD").add("p", p).done();
}

Sensor RandomFlipPolarity::sensor_after(const Sensor& sensor) const {
  detail::check_probability("random_flip_polarity", p);
  detail::check_polarities("random_flip_polarity", sensor);
  return sensor;
}

void RandomFlipPolarity::operator()(Events& events, const Sensor&, RandomStream& random) const {
  if (all_together) {
    if (!random.with_probability(p)) return;
    for (std::uint8_t& polarity : events.p) polarity ^= 1u;
    return;
  }
  for (std::uint8_t& polarity : events.p)
    if (random.with_probability(p)) polarity ^= 1u;
}

std::string RandomFlipPolarity::describe() const {
  return detail::Description("RandomFlipPolarity")
      .add("p", p)
      .add("all_together", all_together)
      .done();
}

}  // namespace ranvier
