// A network whose work several ranks share, along time, over the samples of a batch, or both.
//
//   Mesh mesh(*transport, {.data = 2, .time = 4});
//   ShardedNetwork sharded(network, mesh);          // each rank has all weights
//   const Slice samples = sharded.samples(batch_size), steps = sharded.steps(all_steps);
//   // x [steps, samples, ...] and labels are those of this rank, the output is at all steps.
//   const Tensor output = sharded(x, {.samples = batch_size, .steps = all_steps});
//   sharded.backward(cross_entropy(read_out(Readout::mean, output), labels));
//   optimizer.step();                               // the same on every rank
//
// Forward gives the spikes of one rank that does it all, bit for bit, and backward its gradients to
// rounding; batch norm of mode `batch` takes its statistics over all ranks and agrees to rounding.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "ranvier/distributed/mesh.h"
#include "ranvier/distributed/sample_gather.h"
#include "ranvier/distributed/time_relay.h"
#include "ranvier/layers/sequential.h"

namespace ranvier {

/// What all ranks compute together.
struct BatchExtent {
  std::int64_t samples;
  std::int64_t steps = 0;  ///< of sequences; a network itself says for how many it shows images
};

/// Part of a step's gradient.
struct LossPart {
  bool last = true;  ///< false: more of the batch follows, whose gradients are added up with these
  double share = 1;  ///< of the batch's mean that the mean of these samples has on all ranks
  /// What backward starts from instead of a number, as `LossScale::seed`; the same on all ranks. An
  /// overflow on one of them is in the sums of all, so all leave such a step out.
  std::function<Tensor(double share)> seed = {};
};

/// How ranks work together.
struct ShardOptions {
  /// Neuron layers that reset hard do not wait for the state of the rank before: they begin at
  /// rest, and go over their first steps again when it comes. The results are the same, bit for
  /// bit. It pays where all ranks reach a layer at once, as behind batch norm of mode `batch`, and
  /// a rank has more steps than neurons remember; docs/decisions/0025-speculation.md has figures.
  /// Recurrent layers wait, and so do neurons that are fused with batch norm of another mode, and
  /// those on a CUDA device.
  bool speculate = false;
  /// Pieces of neurons in which a state is sent, as soon as they are scanned; 0: as many as
  /// `distributed/time_relay.h` thinks best. The results are the same, bit for bit.
  std::int64_t state_pieces = 0;
  /// Forward is the same, bit for bit, whoever computes what.
  StaticLayers static_layers = StaticLayers::automatic;
};

/// Shares `network` over `mesh`; both must outlive it. All ranks do the same to the network: move
/// it, load weights, switch it to evaluation.
class ShardedNetwork {
 public:
  ShardedNetwork(Sequential& network, const Mesh& mesh, ShardOptions options = {});
  ~ShardedNetwork();
  ShardedNetwork(const ShardedNetwork&) = delete;
  ShardedNetwork& operator=(const ShardedNetwork&) = delete;

  /// This rank's part of a batch. Error: fewer samples than data shards.
  Slice samples(std::int64_t batch) const;
  /// This rank's part of a sequence. Error: fewer steps than time shards.
  Slice steps(std::int64_t total) const;

  /// The network's output [T, b, ...] at all steps for this rank's `samples`: x is [t, b, ...], its
  /// own `steps`, or a static input [b, ...], which is the same on the whole time row. So is the
  /// output. Errors: those of `samples` and `steps`; x is not this rank's part.
  Tensor operator()(const Tensor& x, const BatchExtent& whole);
  /// As above, but for any samples that the time row has in common. Nothing that belongs to a batch
  /// is shared with others: for networks in evaluation mode.
  Tensor evaluate(const Tensor& x, std::int64_t steps = 0);

  /// Differentiates `loss`, the mean over this rank's samples, made of the last output. When the
  /// last part of a step is done, every rank's parameters have the gradient of the mean over the
  /// batch, and running statistics of batch norm are the same on all. Error (state): a parameter
  /// has a gradient before the first part.
  void backward(const Tensor& loss, const LossPart& part = {});
  /// Forgets a step that will not be completed, as one whose recording failed: the next pass begins
  /// another. Asked for on all ranks.
  void abandon_step();

  const Mesh& mesh() const { return mesh_; }
  /// What this rank speculated so far.
  const Speculation& speculation() const { return speculation_; }

 private:
  class GroupStatistics;
  class StepStatistics;

  Tensor run(const Tensor& x, std::int64_t steps, const Slice& samples);
  void share_statistics();
  void check_gradients(const NamedTensors& learned) const;

  Sequential& network_;
  const Mesh& mesh_;
  const ShardOptions options_;
  Speculation speculation_;
  TimeRelay relay_;
  SampleGather static_samples_;
  std::shared_ptr<GroupStatistics> image_statistics_, sequence_statistics_;  // null of one rank
  std::shared_ptr<StepStatistics> step_statistics_;
  Slice samples_, steps_;    // of the last pass
  bool begins_step_ = true;  // the next `backward` does
};

}  // namespace ranvier
