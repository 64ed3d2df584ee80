// What messages between two ranks take.
#pragma once

#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/predictor.h"

namespace ranvier {

/// Sends messages back and forth between the first two members of `group`: short ones, after a
/// pause as between two layers, for the latency, and long ones for the bandwidth. Then all members
/// add up gradients of zero; what that takes longer than its messages is the summing. Medians; all
/// members call it and all get the result, in less than a second on most links. Error: a group of
/// one.
Link measure_link(const Group& group, Device device = cpu_device);

}  // namespace ranvier
