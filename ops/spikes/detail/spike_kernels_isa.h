// The copies of the spike kernels, one for each instruction set.
#pragma once

#include "ranvier/ops/spikes/detail/spike_kernels.h"

namespace ranvier::detail {

namespace isa_v2 {
extern const SpikeKernels spike_kernels;
}
namespace isa_v3 {
extern const SpikeKernels spike_kernels;
}
namespace isa_v4 {
extern const SpikeKernels spike_kernels;
}

}  // namespace ranvier::detail
