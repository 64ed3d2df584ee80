#include "ranvier/data/transforms/to_timesurface.h"

#include <cmath>
#include <vector>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/slices.h"

namespace ranvier {

ToFrame ToTimesurface::windows() const {
  RV_CHECK(dt >= 1 && dt <= max_time, "[to_timesurface] dt must be in [1, {}]; got {}.", max_time,
           dt);
  RV_CHECK(overlap >= 0 && overlap < dt,
           "[to_timesurface] overlap must be in [0, dt = {}); got {}.", dt, overlap);
  return {.time_window = dt,
          .overlap = static_cast<double>(overlap),
          .include_incomplete = include_incomplete};
}

Shape ToTimesurface::frame(const Sensor& sensor) const {
  RV_CHECK(tau > 0 && std::isfinite(tau), "[to_timesurface] tau must be > 0; got {}.", tau);
  return windows().frame(sensor);
}

void ToTimesurface::write(const Events& events, const Sensor& sensor, const FrameRows& out) const {
  const auto cells = static_cast<std::size_t>(frame(sensor).numel());
  std::vector<double> surface(cells, 0.0);  // at the end of the window before
  if (events.empty()) {
    for (std::int64_t k = 0; k < out.steps; ++k)
      std::copy(surface.begin(), surface.end(), out.first + k * out.stride);
    return;
  }
  // What was before the first row is in it: the surface is followed from the start.
  const TimeWindows windows =
      part_of(this->windows().windows(events.t.front(), events.t.back()), 0, out.begin + out.steps);
  const double decay = std::exp(-static_cast<double>(windows.stride) / tau);
  const auto age = [&](std::int64_t t, std::int64_t k) {
    return static_cast<double>(window_begin(windows, k) + windows.length - t);
  };
  detail::for_each_slice(
      events, windows, [&](std::int64_t k, std::int64_t first, std::int64_t end) {
        for (double& value : surface) value *= decay;
        for (std::int64_t i = first; i < end; ++i) {
          const auto at = static_cast<std::size_t>(i);
          const std::int64_t cell =
              event_cell(sensor.width, sensor.polarities, events.x[at], events.y[at], events.p[at]);
          surface[static_cast<std::size_t>(cell)] = std::exp(-age(events.t[at], k) / tau);
        }
        if (k < out.begin) return;
        float* row = out.first + (k - out.begin) * out.stride;
        for (std::size_t c = 0; c < cells; ++c) row[c] = static_cast<float>(surface[c]);
      });
}

std::string ToTimesurface::describe() const {
  return detail::Description("ToTimesurface")
      .add("dt", dt)
      .add("tau", tau)
      .add("overlap", overlap)
      .add("include_incomplete", include_incomplete)
      .done();
}

}  // namespace ranvier
