// A stack of its own on which a thread of an emulated block runs until it waits.
#pragma once

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <functional>

namespace emulator {

class Fiber {
 public:
  /// `run` never returns: when there is nothing to do, it suspends itself.
  explicit Fiber(std::function<void()> run);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs it until it suspends itself.
  void resume();
  /// Returns to who resumed it, and comes back when it is resumed again. Called on its own stack.
  void suspend();

 private:
  boost::context::stack_context stack_;
  boost::context::fiber own_, resumer_;
  // What the address sanitizer is told of the resumer's stack.
  const void* resumer_bottom_ = nullptr;
  std::size_t resumer_size_ = 0;
};

}  // namespace emulator
