// What a device does to bin events.
#pragma once

#include <cstdint>
#include <span>

#include "ranvier/ops/events/bin_events.h"

namespace ranvier::detail {

struct BinEventsArguments {
  const PackedEvents& events;
  std::span<const EventSlice> recordings;
  Tensor& frames;  ///< f32 [T, B, ...]
};

void bin_events_cpu(const BinEventsArguments& arguments);

}  // namespace ranvier::detail
