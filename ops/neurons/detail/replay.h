// What backward needs of forward: the state before each step of a block of neurons, recomputed
// from its inputs. Time is cut into chunks whose states fit the cache; chunks are entered from the
// last to the first, each from the state at its start.
#pragma once

#include <algorithm>

#include "ranvier/ops/neurons/detail/blocks.h"

namespace ranvier::neurons {

/// How a backward pass is cut: blocks of neurons, and time in chunks.
struct ReplayCut {
  std::int64_t steps, block, chunk, chunks;

  /// Chunks whose states, and x beside them, fit the cache for blocks of `block` neurons.
  template <class R>
  static ReplayCut of(const Program<R>& program, std::int64_t steps, std::int64_t block) {
    const auto step_bytes = static_cast<std::int64_t>(sizeof(R)) * (program.states + 1);
    const std::int64_t chunk =
        std::clamp<std::int64_t>(backward_bytes / step_bytes / block, 1, steps);
    return {steps, block, chunk, (steps + chunk - 1) / chunk};
  }
};

template <class R>
class Replay {
 public:
  Replay(const Program<R>& program, const ReplayCut& cut, Scratch<R>& scratch)
      : program_(program),
        cut_(cut),
        state_size_(program.states * cut.block),
        boundaries_(scratch.take(state_size_ * cut.chunks)),
        states_(scratch.take(state_size_ * cut.chunk)) {}

  static std::int64_t memory_elements(const Program<R>& program, const ReplayCut& cut) {
    return program.states * cut.block * (cut.chunks + cut.chunk);
  }

  /// Neurons [first, first + count) from the state that was given, or rest. `step(before, after,
  /// t)` computes the state after step t.
  template <class Step>
  void start(const R* const* given, std::int64_t first, std::int64_t count, Step&& step) {
    load_state(program_, given, first, count, boundaries_, cut_.block);
    for (std::int64_t chunk = 1; chunk < cut_.chunks; ++chunk) {
      R* const boundary = boundaries_ + chunk * state_size_;
      std::copy_n(boundary - state_size_, state_size_, boundary);
      for (std::int64_t t = (chunk - 1) * cut_.chunk; t < chunk * cut_.chunk; ++t)
        step(boundary, boundary, t);
    }
  }

  /// Finds the states before each step of `chunk`; as `start`, but `after` is null for its last.
  template <class Step>
  void enter(std::int64_t chunk, Step&& step) {
    begin_ = chunk * cut_.chunk;
    end_ = std::min(cut_.steps, begin_ + cut_.chunk);
    std::copy_n(boundaries_ + chunk * state_size_, state_size_, states_);
    R* state = states_;
    for (std::int64_t t = begin_; t < end_; ++t, state += state_size_)
      step(state, t + 1 < end_ ? state + state_size_ : nullptr, t);
  }

  /// The steps of the chunk that was entered.
  std::int64_t begin() const { return begin_; }
  std::int64_t end() const { return end_; }
  /// The state before step t of that chunk.
  const R* before(std::int64_t t) const { return states_ + (t - begin_) * state_size_; }

 private:
  const Program<R>& program_;
  const ReplayCut cut_;
  const std::int64_t state_size_;
  R *const boundaries_, *const states_;
  std::int64_t begin_ = 0, end_ = 0;
};

}  // namespace ranvier::neurons
