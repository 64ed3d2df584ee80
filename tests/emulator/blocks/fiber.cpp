#include "tests/emulator/blocks/fiber.h"

#include <memory>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulator {
namespace {

constexpr std::size_t stack_bytes = std::size_t{256} << 10;

// The address sanitizer has to know the stack that runs.
#if defined(__SANITIZE_ADDRESS__)
void leave_stack(void** left, const void* bottom, std::size_t size) {
  __sanitizer_start_switch_fiber(left, bottom, size);
}
void enter_stack(void* entered, const void** bottom, std::size_t* size) {
  __sanitizer_finish_switch_fiber(entered, bottom, size);
}
#else
void leave_stack(void** /*left*/, const void* /*bottom*/, std::size_t /*size*/) {}
void enter_stack(void* /*entered*/, const void** /*bottom*/, std::size_t* /*size*/) {}
#endif

}  // namespace

Fiber::Fiber(std::function<void()> run) {
  boost::context::protected_fixedsize_stack allocator(stack_bytes);
  stack_ = allocator.allocate();
  own_ = boost::context::fiber(
      std::allocator_arg, boost::context::preallocated(stack_.sp, stack_.size, stack_), allocator,
      [this, run = std::move(run)](boost::context::fiber&& resumer) {
        enter_stack(nullptr, &resumer_bottom_, &resumer_size_);
        resumer_ = std::move(resumer);
        run();
        return std::move(resumer_);
      });
}

void Fiber::resume() {
  void* left = nullptr;
  leave_stack(&left, static_cast<const char*>(stack_.sp) - stack_.size, stack_.size);
  own_ = std::move(own_).resume();
  enter_stack(left, nullptr, nullptr);
}

void Fiber::suspend() {
  void* left = nullptr;
  leave_stack(&left, resumer_bottom_, resumer_size_);
  resumer_ = std::move(resumer_).resume();
  enter_stack(left, &resumer_bottom_, &resumer_size_);
}

}  // namespace emulator
