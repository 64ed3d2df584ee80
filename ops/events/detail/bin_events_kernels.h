// What a device does to bin events.
#pragma once

#include <span>

#include "ranvier/core/dispatch.h"
#include "ranvier/ops/events/bin_events.h"

namespace ranvier::detail {

/// The checked recordings of a batch, on the CPU.
void bin_events_cpu(const PackedEvents& events, std::span<const EventSlice> recordings,
                    Tensor& frames);

/// The recordings `samples` of `table`; all of it, in its order, if `samples` is undefined.
using BinEventsKernel = void(const PackedEvents& events, const Tensor& table, const Tensor& samples,
                             Tensor& frames);
extern DeviceKernels<BinEventsKernel> bin_events_kernels;

}  // namespace ranvier::detail
