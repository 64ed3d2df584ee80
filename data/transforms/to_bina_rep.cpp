#include "ranvier/data/transforms/to_bina_rep.h"

#include <algorithm>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/slices.h"

namespace ranvier {

std::int64_t ToBinaRep::steps(const Events&) const { return n_frames; }

Shape ToBinaRep::frame(const Sensor& sensor) const {
  RV_CHECK(n_frames >= 1 && n_frames <= 1 << 20,
           "[to_bina_rep] n_frames must be in [1, 1048576]; got {}.", n_frames);
  RV_CHECK(n_bits >= 1 && n_bits <= 24, "[to_bina_rep] n_bits must be in [1, 24]; got {}.", n_bits);
  return sensor.frame();
}

void ToBinaRep::write(const Events& events, const Sensor& sensor, const FrameRows& out) const {
  const std::int64_t cells = frame(sensor).numel();
  const auto all = static_cast<float>((1 << n_bits) - 1);
  const auto write_bin = [&](std::int64_t bin, std::int64_t first, std::int64_t end) {
    float* row = out.first + bin / n_bits * out.stride;
    const std::int64_t lower = n_bits - 1 - bin % n_bits;  // bits below this one
    if (lower == n_bits - 1) std::fill_n(row, cells, 0.0f);
    for (std::int64_t i = first; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      float& value = row[event_cell(sensor.width, sensor.polarities, events.x[at], events.y[at],
                                    events.p[at])];
      value = static_cast<float>(static_cast<std::uint32_t>(value) | (std::uint32_t{1} << lower));
    }
    if (lower == 0)
      for (std::int64_t c = 0; c < cells; ++c) row[c] /= all;
  };
  detail::for_each_time_bin(events, n_frames * n_bits, 0, out.begin * n_bits, out.steps * n_bits,
                            write_bin);
}

std::string ToBinaRep::describe() const {
  return detail::Description("ToBinaRep").add("n_frames", n_frames).add("n_bits", n_bits).done();
}

}  // namespace ranvier
