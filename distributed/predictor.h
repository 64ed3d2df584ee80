// How long a training step takes over several ranks, before it is run.
//
// A network is a row of stages. Most of them depend on nothing earlier in time, so all ranks of a
// time row compute them at once on their own steps; a scan of neurons needs the state that the
// rank with the steps before hands on, so the ranks start it one after another. They stay that far
// apart, and later scans find their states waiting: the delay is paid once, unless ranks have to
// meet in between (batch norm over all steps). `predict` plays this through, stage by stage and
// rank by rank; docs/scaling.md tells what it assumes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/distributed/mesh.h"

namespace ranvier {

/// What joins two ranks, in each direction.
struct Link {
  double latency = 0;    ///< seconds that a message is on its way, besides its transfer
  double bandwidth = 1;  ///< bytes per second
  double summing = 0;    ///< seconds of a rank for each byte of gradients that it helps to add up

  double transfer(double bytes) const { return bytes / bandwidth; }
};

/// What a batch norm exchanges with other ranks, in numbers of f64.
struct NormExchange {
  std::int64_t forward = 0;   ///< added up before it normalises
  std::int64_t backward = 0;  ///< added up for its gradient
  std::int64_t gathered = 0;  ///< a rank's part of what is gathered over time after backward
  bool over_time = false;     ///< among all ranks; else among those with the same steps
};

/// Modules that are computed as one, and what they cost a rank for its part of a batch.
struct StageProfile {
  std::string name = {};          ///< the modules' places: "1-3"
  std::string kind = {};          ///< "BatchNorm Neuron MaxPool2d"
  double forward = 0;             ///< seconds
  double backward = 0;            ///< seconds
  bool chained = false;           ///< has a state over time
  bool static_input = false;      ///< its input has no time axis
  bool in_pieces = false;         ///< its state may be sent in pieces
  double repaired = 1;            ///< share of its scan that a guessed state costs; 1: it waits
  std::int64_t state_bytes = 0;   ///< of the state after the last step, and of its gradient
  std::int64_t shared_bytes = 0;  ///< of its input, if ranks of a row made some samples of it each
  std::int64_t saved_bytes = 0;   ///< kept from forward to backward
  std::int64_t weight_bytes = 0;  ///< of what it learns
  NormExchange norm = {};
  /// Numbers of each gradient, in the order in which backward completes them.
  std::vector<std::int64_t> gradients = {};

  /// Whether it is computed for every time step. What comes before the first neuron of a network
  /// for images is not.
  bool in_time() const { return chained || !static_input; }
};

/// A network as `profile_network` saw it, on one rank.
struct NetworkProfile {
  std::int64_t steps = 1, batch = 1;  ///< of the rank's part
  std::int64_t all_steps = 1;         ///< of the output, from which every rank takes the loss
  std::vector<StageProfile> stages = {};
  double loss = 0;                   ///< seconds of the readout and the loss, both ways
  double rest = 0;                   ///< seconds of a step that belong to nothing else
  double update = 0;                 ///< seconds of the optimizer
  std::int64_t output_bytes = 0;     ///< of the part's output
  std::int64_t optimizer_bytes = 0;  ///< that the optimizer keeps

  std::int64_t weight_bytes() const;
};

/// A step and the ranks that share it.
struct Plan {
  MeshShape mesh = {};
  std::int64_t steps = 1, batch = 1;  ///< of all ranks together
  std::int64_t state_pieces = 0;      ///< as `ShardOptions::state_pieces`
  bool speculate = false;             ///< as `ShardOptions::speculate`
  Link link = {};
};

/// What a rank does from `start` to `end`, in seconds since the step began.
struct Span {
  enum class Kind : std::uint8_t { forward, loss, backward, update };

  int rank = 0;   ///< in the time row
  int stage = 0;  ///< of the profile; -1: the loss or the update
  Kind kind{};
  double start = 0, end = 0;
};

/// What a plan costs.
struct Prediction {
  double step = 0;                            ///< seconds
  double forward = 0;                         ///< seconds until all ranks have the output
  double waiting = 0;                         ///< share of the ranks' time without computing
  double exposed_reduction = 0;               ///< seconds the sum of gradients outlasts backward
  std::vector<std::int64_t> bytes_sent = {};  ///< in a step, by rank of the mesh
  std::int64_t memory_bytes = 0;    ///< weights, gradients, optimizer, what is saved for backward
  std::vector<Span> timeline = {};  ///< of the time row with the most samples
};

/// Plays a step of `plan` through. Times are taken to be proportional to the steps and samples of a
/// rank: profile a part of the size that a rank has. Errors: fewer steps than time shards, fewer
/// samples than data shards, options out of range.
Prediction predict(const NetworkProfile& profile, const Plan& plan);

}  // namespace ranvier
