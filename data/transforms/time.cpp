#include "ranvier/data/transforms/time.h"

#include <algorithm>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/options.h"

namespace ranvier {

Sensor TimeSkew::sensor_after(const Sensor& sensor) const {
  detail::check_range("time_skew", "coefficient", coefficient, 0, 1e15);
  RV_CHECK(coefficient.low > 0, "[time_skew] coefficient must be > 0; got {}.", coefficient);
  detail::check_range("time_skew", "offset", offset, -static_cast<double>(max_time),
                      static_cast<double>(max_time));
  return sensor;
}

void TimeSkew::operator()(Events& events, const Sensor&, RandomStream& random) const {
  const double factor = coefficient.draw(random), shift = offset.draw(random);
  for (std::int64_t& t : events.t)
    t = detail::to_time(std::floor(factor * static_cast<double>(t) + shift + 0.5));
}

std::string TimeSkew::describe() const {
  return detail::Description("TimeSkew")
      .add("coefficient", coefficient)
      .add("offset", offset)
      .done();
}

Sensor RandomTimeReversal::sensor_after(const Sensor& sensor) const {
  detail::check_probability("random_time_reversal", p);
  return sensor;
}

void RandomTimeReversal::operator()(Events& events, const Sensor& sensor,
                                    RandomStream& random) const {
  if (!random.with_probability(p) || events.empty()) return;
  const std::int64_t ends = events.t.front() + events.t.back();
  for (std::int64_t& t : events.t) t = ends - t;
  std::reverse(events.t.begin(), events.t.end());
  std::reverse(events.x.begin(), events.x.end());
  std::reverse(events.y.begin(), events.y.end());
  std::reverse(events.p.begin(), events.p.end());
  if (!flip_polarities || sensor.polarities == 1) return;
  for (std::uint8_t& polarity : events.p) polarity ^= 1u;
}

std::string RandomTimeReversal::describe() const {
  return detail::Description("RandomTimeReversal")
      .add("p", p)
      .add("flip_polarities", flip_polarities)
      .done();
}

Sensor TimeAlignment::sensor_after(const Sensor& sensor) const { return sensor; }

void TimeAlignment::operator()(Events& events, const Sensor&, RandomStream&) const {
  if (events.empty()) return;
  const std::int64_t first = events.t.front();
  for (std::int64_t& t : events.t) t = std::min(t - first, max_time);
}

std::string TimeAlignment::describe() const { return "TimeAlignment()"; }

Sensor QuantiseTime::sensor_after(const Sensor& sensor) const {
  RV_CHECK(unit >= 1 && unit <= max_time, "[quantise_time] unit must be in [1, {}]; got {}.",
           max_time, unit);
  return sensor;
}

void QuantiseTime::operator()(Events& events, const Sensor&, RandomStream&) const {
  for (std::int64_t& t : events.t) {
    const std::int64_t past = t % unit;
    t = std::max(t - (past < 0 ? past + unit : past), -max_time);
  }
}

std::string QuantiseTime::describe() const {
  return detail::Description("QuantiseTime").add("unit", unit).done();
}

}  // namespace ranvier
