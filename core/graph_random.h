// Random draws of work that is captured once as a CUDA graph and replayed.
//
//   GraphRandom random(device);
//   {
//     const GraphRandom::Recording recording(random);
//     ... capture a training step ...
//   }
//   for (...) {
//     random.advance();   // then
//     ... launch the graph ...
//   }
#pragma once

#include <cstdint>

#include "ranvier/core/random.h"

namespace ranvier {

/// A place in a Philox stream that kernels read from device memory, so that each replay of captured
/// work draws new numbers: those that the same work would have drawn outside of a graph. It has to
/// outlive the graph.
class GraphRandom {
 public:
  /// Error: `device` is not an available CUDA device.
  explicit GraphRandom(Device device, Generator& generator = default_generator());

  /// While alive, draws of this thread on the device (`reserve_blocks`) are relative to the place.
  /// What is done meanwhile is captured and not run: the generator is left where it was.
  class Recording {
   public:
    /// Error: another recording is alive on this thread.
    explicit Recording(GraphRandom& random);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

   private:
    GraphRandom& random_;
    std::uint64_t first_block_;
  };

  /// Moves the place in device memory to where the generator is, and the generator past what one
  /// replay draws: before each replay, on the thread and stream that launch it. Does not wait.
  void advance();

  /// Blocks that one replay draws.
  std::uint64_t blocks() const { return blocks_; }

 private:
  Generator& generator_;
  Tensor place_;  // i64 [2]: seed and first block
  std::uint64_t blocks_ = 0;
};

}  // namespace ranvier
