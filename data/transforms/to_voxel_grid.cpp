#include "ranvier/data/transforms/to_voxel_grid.h"

#include <algorithm>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/ops/events/bin_rule.h"

namespace ranvier {

std::int64_t ToVoxelGrid::steps(const Events&) const { return n_time_bins; }

Shape ToVoxelGrid::frame(const Sensor& sensor) const {
  RV_CHECK(n_time_bins >= 1 && n_time_bins <= 1 << 24,
           "[to_voxel_grid] n_time_bins must be in [1, 16777216]; got {}.", n_time_bins);
  return Sensor{sensor.width, sensor.height, 1}.frame();
}

void ToVoxelGrid::write(const Events& events, const Sensor& sensor, const FrameRows& out) const {
  const std::int64_t cells = frame(sensor).numel();
  for (std::int64_t k = 0; k < out.steps; ++k) std::fill_n(out.first + k * out.stride, cells, 0.0f);
  if (events.empty()) return;

  const std::int64_t start = events.t.front();
  const auto duration = static_cast<double>(events.t.back() - start);
  const auto intervals = static_cast<double>(n_time_bins - 1);
  const auto add = [&](std::int64_t moment, std::int64_t cell, double value) {
    const std::int64_t row = moment - out.begin;
    if (row >= 0 && row < out.steps)
      out.first[row * out.stride + cell] += static_cast<float>(value);
  };
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    const std::int64_t cell = event_cell(sensor.width, 1, events.x[i], events.y[i], 1);
    const double polarity = sensor.polarities == 2 && events.p[i] == 0 ? -1 : 1;
    const double past = static_cast<double>(events.t[i] - start);
    const double at = duration > 0 ? intervals * past / duration : 0;
    const auto moment = static_cast<std::int64_t>(at);
    const double later = at - static_cast<double>(moment);
    add(moment, cell, polarity * (1 - later));
    if (later > 0) add(moment + 1, cell, polarity * later);
  }
}

std::string ToVoxelGrid::describe() const {
  return detail::Description("ToVoxelGrid").add("n_time_bins", n_time_bins).done();
}

}  // namespace ranvier
