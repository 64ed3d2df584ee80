// What a network costs a rank on this machine, stage by stage.
#pragma once

#include <functional>

#include "ranvier/distributed/predictor.h"
#include "ranvier/distributed/sample_gather.h"
#include "ranvier/layers/sequential.h"

namespace ranvier {

struct ProfileOptions {
  /// From the network's output at all steps [T, B, ...] to a scalar.
  std::function<Tensor(const Tensor& output)> loss = {};
  MeshShape mesh = {};                                   ///< what the work is shared over
  std::int64_t state_pieces = 0;                         ///< as `ShardOptions::state_pieces`
  StaticLayers static_layers = StaticLayers::automatic;  ///< as `ShardOptions::static_layers`
  int runs = 3;  ///< counted after one that warms up; medians are taken
};

/// Times forward, loss and backward of `network` on a rank's part of a batch, `input`: [T / time
/// shards, B / data shards, ...], or a static input [B / data shards, ...], of which the network
/// then shows the first rank's part of its steps. Layers run as they do in a `ShardedNetwork`, but
/// nothing is sent: states are those this rank's steps ended with before, their gradients are zero,
/// sums are its own.
///
/// Leaves the network as it was: weights, gradients, running statistics and the default generator.
/// What the optimizer takes and keeps is left at 0. On a CUDA device each stage is waited for,
/// which hides what would overlap. `saved_bytes` counts all threads of the process. Errors: no
/// loss, runs < 1, a mesh that has no ranks; those of the network.
NetworkProfile profile_network(Sequential& network, const Tensor& input,
                               const ProfileOptions& options);

/// What a profile of `steps` time steps would say: every time and size on the straight line through
/// those of two profiles of one network, mesh and batch, with `few` and `many` steps; no time falls
/// with the steps or is below 0. Error: not few.steps < many.steps, or other stages.
NetworkProfile at_steps(const NetworkProfile& few, const NetworkProfile& many, std::int64_t steps);

}  // namespace ranvier
