// What layers must know when several ranks share the work of a network: which part is this one's,
// where the states before its steps come from, and where those after them go.
//
// A context holds for the thread that has set it, so that modules within modules need not pass it
// on. Without one a layer computes all there is.
#pragma once

#include <cstdint>
#include <memory>

#include "ranvier/core/partition.h"
#include "ranvier/core/tensor.h"
#include "ranvier/layers/module.h"
#include "ranvier/layers/sample_sharing.h"
#include "ranvier/ops/dropout/dropout.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier {

/// With whom batch norm takes its statistics; null: nobody.
struct SharedStatistics {
  std::shared_ptr<BatchNormRanks> images{};     ///< of a static input, which has no time axis
  std::shared_ptr<BatchNormRanks> sequences{};  ///< of all steps
  std::shared_ptr<BatchNormRanks> steps{};      ///< of each step on its own
};

/// What came of layers that did not wait for their states (ops/neurons/speculative_scan.h).
struct Speculation {
  std::int64_t scanned = 0;   ///< steps times neurons that began from a guess
  std::int64_t repaired = 0;  ///< of them, done again
};

/// One rank's part of the work.
struct ShardContext {
  Slice steps;                              ///< of time
  Slice samples;                            ///< of the batch
  StateRelay* relay = nullptr;              ///< null: all steps are here
  SampleSharing* static_samples = nullptr;  ///< of layers that no neuron precedes; null: all here
  SharedStatistics statistics = {};
  Speculation* speculation = nullptr;  ///< null: layers wait for their states
};

/// The context of this thread, or null.
const ShardContext* shard_context();

/// While alive, layers of this thread compute the part that `context` tells.
class ShardContextGuard {
 public:
  explicit ShardContextGuard(ShardContext context);
  ~ShardContextGuard();
  ShardContextGuard(const ShardContextGuard&) = delete;
  ShardContextGuard& operator=(const ShardContextGuard&) = delete;

 private:
  const ShardContext context_;
  const ShardContext* previous_;
};

/// While alive, and if `is_static`, what layers of this thread are given has no time axis, as it is
/// a static input that no neuron has met.
class StaticInputGuard {
 public:
  explicit StaticInputGuard(bool is_static);
  ~StaticInputGuard();
  StaticInputGuard(const StaticInputGuard&) = delete;
  StaticInputGuard& operator=(const StaticInputGuard&) = delete;

 private:
  bool previous_;
};
bool input_is_static();

// --- what layers ask ----------------------------------------------------------------------------

/// Of a layer's `steps` the number that is this thread's: all without a context, and 0 stays 0.
/// Error: the context is of another number of steps.
std::int64_t steps_here(std::int64_t steps);

/// With whom scans exchange their states; null: with nobody. Error: others have the steps before
/// and after, and yet a state was `given`.
StateRelay* state_relay(const State& given);

// For modules that exchange their states whole. Its gradient travels back where the module
// `learns`: a gradient is needed of what it is given besides the state, which is the same on all
// ranks.

/// The state to begin with, `count` variables of `shape`: the one that was given, or under a
/// context the one that the rank before hands on.
NeuronState state_before(const State& given, bool learns, int count, const Shape& shape,
                         const TensorOptions& options);
/// As above, of neurons: variables shaped like a step of x.
NeuronState state_before(const State& given, bool learns, int count, const Tensor& x,
                         bool static_input);
/// Whether anybody wants the state after such a module that was given `given`.
bool state_wanted(const State& given);
/// Hands `after` on to the next rank, and returns it for the caller if that wants it.
State state_after(const State& given, bool learns, const NeuronState& after);

/// Where a layer of `neuron` counts that may begin before its state is there, and so exchanges it
/// whole: the same on all ranks. Null: it waits.
Speculation* speculation_for(const Neuron& neuron, Device device);
/// Whether such a layer should begin now.
bool begins_early(Device device);

/// With whom batch norm of `mode` takes the statistics of its input.
std::shared_ptr<BatchNormRanks> shared_statistics(BatchNormMode mode);
/// Whether those hold other steps, so that statistics are known when all ranks have reached them.
bool norm_spans_steps(BatchNormMode mode);
/// The part of all steps and samples that a layer is given here, or all there is.
DropoutPart dropout_part();

}  // namespace ranvier
