#include "ranvier/data/transforms/noise.h"

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"

namespace ranvier {

Sensor UniformNoise::sensor_after(const Sensor& sensor) const {
  detail::check_range("uniform_noise", "n", n, 0, 0x1p30);
  return sensor;
}

void UniformNoise::operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
  const auto added = static_cast<std::int64_t>(n.draw(random));
  if (events.empty()) return;
  const std::int64_t first = events.t.front();
  const auto times = static_cast<double>(events.t.back() - first + 1);
  events.reserve(events.size() + added);
  for (std::int64_t i = 0; i < added; ++i) {
    const auto t = first + static_cast<std::int64_t>(random.uniform() * times);
    const auto x = static_cast<std::int16_t>(random.below(sensor.width));
    const auto y = static_cast<std::int16_t>(random.below(sensor.height));
    const auto p = static_cast<std::uint8_t>(sensor.polarities == 1 ? 1 : random.below(2));
    events.push_back(t, x, y, p);
  }
  sort_by_time(events);
}

std::string UniformNoise::describe() const {
  return detail::Description("UniformNoise").add("n", n).done();
}

}  // namespace ranvier
