// Runs the blocks of kernels one after another, the threads of a block as fibers.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "tests/emulator/blocks/async_copy.h"
#include "tests/emulator/blocks/fiber.h"
#include "tests/emulator/blocks/kernels.h"
#include "tests/emulator/include/warp.h"

namespace emulator {

/// Blocks, and the threads of a block between two points where they wait, run in an order that is
/// drawn anew each time: a kernel that lacks a barrier gets wrong values sooner or later.
class Multiprocessor {
 public:
  /// The only one; its kernels run one at a time.
  static Multiprocessor& one();

  void run(const LaunchShape& shape, const std::function<void()>& kernel);

  // What the running thread asks for.
  uint4* shared_memory() { return shared_memory_.data(); }
  AsyncCopies& copies();
  void wait_for_block(const std::source_location& at);
  void with_warp(unsigned mask, WarpOperation operation, void* mine,
                 const std::source_location& at);

 private:
  enum class State { ready, at_barrier, in_warp, ended };
  struct Thread {
    State state = State::ready;
    Fiber* fiber = nullptr;
    std::source_location at{};
    WarpOperation operation = nullptr;
    unsigned mask = 0;
    void* mine = nullptr;
    AsyncCopies copies;
  };

  Multiprocessor();
  void run_block();
  void start_threads();
  void carry_threads();
  void resume_ready();
  bool finish_warp_operations();
  bool finish_operation_of(unsigned thread);
  bool open_barrier();
  void wait(State state, const std::source_location& at);
  void become(unsigned thread);
  [[noreturn]] void report_stuck() const;

  std::mt19937 random_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  std::vector<uint4> shared_memory_;

  // Of the running kernel and block.
  const std::function<void()>* kernel_ = nullptr;
  std::vector<unsigned> order_;  // in which threads start
  std::size_t started_ = 0, ended_ = 0;
  std::vector<Thread> threads_;
};

}  // namespace emulator
