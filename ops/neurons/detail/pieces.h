// Neurons of a step one piece after another, where others wait for what comes of the first ones.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ranvier/core/partition.h"

namespace ranvier::neurons {

/// What a kernel of the CPU asks, and tells, on its way through the neurons of a step.
class Pieces {
 public:
  virtual ~Pieces() = default;
  /// How many there should be.
  virtual std::int64_t count() const = 0;
  /// Neurons [first, last) come next: returns when what is read of them is there.
  virtual void begin(std::int64_t first, std::int64_t last) = 0;
  /// What is written of them is there.
  virtual void end(std::int64_t first, std::int64_t last) = 0;
};

/// Calls `run(begin, end)` for consecutive ranges of a kernel's `units`, of which unit i begins at
/// neuron `first_neuron(i)`; `pieces` null: for all of them at once. Where pieces begin depends on
/// the units alone, so these must be the same for all who share the time.
template <class FirstNeuron, class Run>
void piece_by_piece(Pieces* pieces, std::int64_t units, std::int64_t neurons,
                    FirstNeuron first_neuron, Run run) {
  if (pieces == nullptr) return run(std::int64_t{0}, units);
  const std::int64_t count = std::min(pieces->count(), units);
  for (std::int64_t i = 0; i < count; ++i) {
    const Slice part = Slice::of(units, i, count);
    const std::int64_t first = first_neuron(part.begin);
    const std::int64_t last = part.end < units ? first_neuron(part.end) : neurons;
    pieces->begin(first, last);
    run(part.begin, part.end);
    pieces->end(first, last);
  }
}

}  // namespace ranvier::neurons
