// What messages between two ranks take.
#pragma once

#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/predictor.h"

namespace ranvier {

/// Sends messages back and forth between the first two members of `group`: short ones for the
/// latency, long ones for the bandwidth; medians. All members call it and all get the result. It
/// takes less than a second. Error: a group of one.
Link measure_link(const Group& group, Device device = cpu_device);

}  // namespace ranvier
