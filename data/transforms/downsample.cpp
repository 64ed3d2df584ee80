#include "ranvier/data/transforms/downsample.h"

#include <vector>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"

namespace ranvier {
namespace {

// A position times a factor, as (x * multiplier) >> 32. Rounded up, the multiplier is off by less
// than one: too little to take a product of 15 bits past an integer that it does not reach.
constexpr std::uint64_t one = std::uint64_t{1} << 32;

std::uint64_t multiplier_of(double factor) {
  return std::min(one, static_cast<std::uint64_t>(factor * static_cast<double>(one)) + 1);
}

std::uint64_t multiplier_of(std::int64_t target, std::int64_t extent) {
  const auto from = static_cast<std::uint64_t>(extent);
  return (static_cast<std::uint64_t>(target) * one + from - 1) / from;
}

std::int64_t scaled(std::int64_t position, std::uint64_t multiplier) {
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(position) * multiplier) >> 32);
}

void scale_column(std::vector<std::int16_t>& column, std::uint64_t multiplier) {
  if (multiplier == one) return;
  const auto factor = static_cast<std::uint32_t>(multiplier);
  for (std::int16_t& position : column)
    position = static_cast<std::int16_t>(
        (std::uint64_t{static_cast<std::uint16_t>(position)} * factor) >> 32);
}

struct Multipliers {
  std::uint64_t x, y;
};

Multipliers multipliers_of(const Downsample& options, const Sensor& sensor) {
  if (options.target_width == 0 && options.target_height == 0)
    return {multiplier_of(options.spatial_factor), multiplier_of(options.spatial_factor)};
  const auto towards = [](std::int64_t target, std::int64_t extent) {
    return target == 0 ? one : multiplier_of(target, extent);
  };
  return {towards(options.target_width, sensor.width),
          towards(options.target_height, sensor.height)};
}

/// Scales the columns `x` and `y` of events or of a lookup.
template <class Positions>
void scale_positions(const Downsample& options, const Sensor& sensor, Positions& positions) {
  const Multipliers by = multipliers_of(options, sensor);
  scale_column(positions.x, by.x);
  if (sensor.height > 1) scale_column(positions.y, by.y);
}

}  // namespace

Sensor Downsample::sensor_after(const Sensor& sensor) const {
  RV_CHECK(time_factor > 0 && std::isfinite(time_factor),
           "[downsample] time_factor must be > 0; got {}.", time_factor);
  RV_CHECK(spatial_factor > 0 && spatial_factor <= 1,
           "[downsample] spatial_factor must be in (0, 1]; got {}.", spatial_factor);
  RV_CHECK(target_width >= 0 && target_width <= sensor.width && target_height >= 0 &&
               target_height <= sensor.height,
           "[downsample] the target must not be larger than the sensor of {}; got {}x{}.",
           to_string(sensor), target_width, target_height);
  RV_CHECK(spatial_factor == 1 || (target_width == 0 && target_height == 0),
           "[downsample] either spatial_factor or a target can be given, not both.");
  const Multipliers by = multipliers_of(*this, sensor);
  return {scaled(sensor.width - 1, by.x) + 1, scaled(sensor.height - 1, by.y) + 1,
          sensor.polarities};
}

void Downsample::operator()(Events& events, const Sensor& sensor, RandomStream&) const {
  scale_positions(*this, sensor, events);
  if (time_factor == 1) return;
  for (std::int64_t& t : events.t)
    t = detail::to_time(detail::floor_product(static_cast<double>(t), time_factor));
}

bool Downsample::look_up(const Sensor& sensor, EventLookup& lookup) const {
  if (time_factor != 1) return false;
  scale_positions(*this, sensor, lookup);
  return true;
}

std::string Downsample::describe() const {
  detail::Description text("Downsample");
  text.add("time_factor", time_factor).add("spatial_factor", spatial_factor);
  if (target_width != 0) text.add("target_width", target_width);
  if (target_height != 0) text.add("target_height", target_height);
  return text.done();
}

}  // namespace ranvier
