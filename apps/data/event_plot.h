// A recording as a drawing.
#pragma once

#include <cstdint>
#include <string>

#include "apps/drawing/drawing.h"
#include "ranvier/data/events/events.h"

namespace ranvier::apps {

struct EventPlotOptions {
  std::string title = {};
  std::int64_t frames = 8;  ///< of a sensor of pixels: so many pictures, equally long in time
};

/// Of a sensor of channels, a raster: time to the right, channels upwards. Of a sensor of pixels,
/// frames of counted events, ON red and OFF blue. Error: frames not in [1, 64].
Drawing event_plot(const Recording& recording, const EventPlotOptions& options = {});

}  // namespace ranvier::apps
