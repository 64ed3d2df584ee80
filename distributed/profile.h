// What a network costs on this machine, stage by stage.
#pragma once

#include <functional>

#include "ranvier/distributed/predictor.h"
#include "ranvier/layers/sequential.h"

namespace ranvier {

struct ProfileOptions {
  /// From the network's output [T, B, ...] to a scalar.
  std::function<Tensor(const Tensor& output)> loss = {};
  /// Steps that a static input is shown for, instead of the network's; 0: the network's. For the
  /// steps of one rank.
  std::int64_t steps = 0;
  int runs = 3;  ///< counted after one that warms up; medians are taken
};

/// Times forward, loss and backward of `network` on `input` as they are trained: fused, and with
/// the states after the last step. Computes on this rank alone and leaves the network as it was:
/// weights, gradients, running statistics and the default generator. What the optimizer takes and
/// keeps is left at 0. On a CUDA device each stage is waited for, which hides what would overlap.
/// `saved_bytes` counts all threads of the process. Errors: no loss, runs < 1, steps < 0; those of
/// the network.
NetworkProfile profile_network(Sequential& network, const Tensor& input,
                               const ProfileOptions& options);

/// What a profile of `steps` time steps would say: every time and size on the straight line through
/// those of two profiles of one network and batch, `few` and `many` steps; no time falls with the
/// steps or is below 0. Error: not few.steps < many.steps, or other stages.
NetworkProfile at_steps(const NetworkProfile& few, const NetworkProfile& many, std::int64_t steps);

}  // namespace ranvier
