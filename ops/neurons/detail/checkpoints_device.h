// States that CUDA engines leave at distances in time.
#pragma once

#include "ranvier/ops/neurons/detail/neuron_device.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"

namespace ranvier::neurons::device {

template <class Model, class R, int lanes>
__device__ __forceinline__ void leave_checkpoint(R* checkpoints, std::int64_t c,
                                                 States<Model, R, lanes>& state,
                                                 std::int64_t neurons, std::int64_t first) {
  constexpr int variables = States<Model, R, lanes>::variables;
#pragma unroll
  for (int k = 0; k < variables; ++k)
    store<R, lanes>(checkpoint(checkpoints, c, k, variables, neurons) + first, state.variable(k));
}

}  // namespace ranvier::neurons::device
