#include "apps/drawing/event_picture.h"

#include <algorithm>
#include <cmath>

namespace ranvier::apps {
namespace {

/// What a colour takes away from white, where it is laid on with `strength` in [0, 1].
float taken(const Colour& colour, std::size_t part, float strength) {
  return strength * static_cast<float>(255 - colour[part]);
}

}  // namespace

std::vector<std::uint8_t> event_picture(std::span<const float> counts, std::int64_t polarities) {
  const auto step = static_cast<std::size_t>(polarities);
  const float most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  const auto strength = [&](std::size_t i) {
    return counts[i] > 0 ? std::sqrt(counts[i] / most) : 0.0f;
  };
  std::vector<std::uint8_t> picture;
  picture.reserve(counts.size() / step * 3);
  for (std::size_t i = 0; i < counts.size(); i += step)
    for (std::size_t part = 0; part < 3; ++part) {
      const float ink = step == 1 ? taken({0, 0, 0}, part, strength(i))
                                  : taken(off_colour, part, strength(i)) +
                                        taken(on_colour, part, strength(i + 1));
      picture.push_back(static_cast<std::uint8_t>(std::lround(std::max(0.0f, 255 - ink))));
    }
  return picture;
}

}  // namespace ranvier::apps
