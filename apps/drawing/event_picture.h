// Events as colours.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace ranvier::apps {

using Colour = std::array<std::uint8_t, 3>;  ///< red, green, blue

inline constexpr Colour on_colour{200, 30, 30}, off_colour{30, 60, 200};

/// Counts of events [pixels, polarities] (OFF before ON) as u8 RGB [pixels, 3]: white where nothing
/// happened, red for ON, blue for OFF, both mixed; black if there is one polarity. The strength is
/// the root of the share of the largest count, so that rare events are seen.
std::vector<std::uint8_t> event_picture(std::span<const float> counts, std::int64_t polarities);

}  // namespace ranvier::apps
