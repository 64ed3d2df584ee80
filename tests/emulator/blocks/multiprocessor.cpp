#include "tests/emulator/blocks/multiprocessor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string_view>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {
namespace {

Fiber* running = nullptr;

bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         std::string_view(a.file_name()) == b.file_name();
}

unsigned seed_of_orders() {
  const char* const chosen = std::getenv("RANVIER_EMULATOR_SEED");
  return chosen == nullptr ? 1 : static_cast<unsigned>(std::strtoul(chosen, nullptr, 10));
}

}  // namespace

Multiprocessor& Multiprocessor::one() {
  static auto& only = *new Multiprocessor;  // fibers are not unwound at the end of the program
  return only;
}

Multiprocessor::Multiprocessor() : random_(seed_of_orders()) {}

void Multiprocessor::run(const LaunchShape& shape, const std::function<void()>& kernel) {
  kernel_ = &kernel;
  gridDim = {shape.blocks, 1, 1};
  blockDim = {shape.threads, 1, 1};
  shared_memory_.resize((shape.shared_bytes + sizeof(uint4) - 1) / sizeof(uint4));
  std::vector<unsigned> blocks(shape.blocks);
  std::iota(blocks.begin(), blocks.end(), 0u);
  std::shuffle(blocks.begin(), blocks.end(), random_);
  order_.resize(shape.threads);
  std::iota(order_.begin(), order_.end(), 0u);
  for (const unsigned block : blocks) {
    blockIdx = {block, 0, 0};
    run_block();
  }
}

void Multiprocessor::run_block() {
  constexpr uint4 unset{~0u, ~0u, ~0u, ~0u};  // no numbers to who reads before it writes
  std::fill(shared_memory_.begin(), shared_memory_.end(), unset);
  std::shuffle(order_.begin(), order_.end(), random_);
  threads_.assign(order_.size(), Thread());
  started_ = ended_ = 0;
  start_threads();
  while (ended_ < threads_.size()) {
    if (!finish_warp_operations() && !open_barrier()) report_stuck();
    resume_ready();
  }
}

// One fiber serves for all threads that end without having waited.
void Multiprocessor::start_threads() {
  while (started_ < threads_.size()) {
    if (idle_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>([this] { carry_threads(); }));
      idle_.push_back(fibers_.back().get());
    }
    running = idle_.back();
    idle_.pop_back();
    running->resume();
  }
}

void Multiprocessor::carry_threads() {
  Fiber* const self = running;
  while (true) {
    while (started_ < threads_.size()) {
      const unsigned thread = order_[started_++];
      threads_[thread].fiber = self;
      become(thread);
      (*kernel_)();
      threads_[threadIdx.x].state = State::ended;
      ++ended_;
    }
    idle_.push_back(self);
    self->suspend();
  }
}

void Multiprocessor::become(unsigned thread) { threadIdx = {thread, 0, 0}; }

void Multiprocessor::resume_ready() {
  std::vector<unsigned> ready;
  for (unsigned i = 0; i < threads_.size(); ++i)
    if (threads_[i].state == State::ready) ready.push_back(i);
  std::shuffle(ready.begin(), ready.end(), random_);
  for (const unsigned thread : ready) {
    become(thread);
    running = threads_[thread].fiber;
    running->resume();
  }
}

void Multiprocessor::wait(State state, const std::source_location& at) {
  Thread& self = threads_[threadIdx.x];
  self.state = state;
  self.at = at;
  self.fiber->suspend();
}

AsyncCopies& Multiprocessor::copies() { return threads_[threadIdx.x].copies; }

void Multiprocessor::wait_for_block(const std::source_location& at) { wait(State::at_barrier, at); }

void Multiprocessor::with_warp(unsigned mask, WarpOperation operation, void* mine,
                               const std::source_location& at) {
  Thread& self = threads_[threadIdx.x];
  self.operation = operation;
  self.mask = mask;
  self.mine = mine;
  wait(State::in_warp, at);
}

bool Multiprocessor::finish_warp_operations() {
  bool finished = false;
  for (unsigned i = 0; i < threads_.size(); ++i)
    if (threads_[i].state == State::in_warp) finished |= finish_operation_of(i);
  return finished;
}

// True if all that take part are there.
bool Multiprocessor::finish_operation_of(unsigned thread) {
  const Thread& self = threads_[thread];
  const unsigned first = thread / warp_lanes * warp_lanes;
  Lanes lanes{};
  for (unsigned l = 0; l < warp_lanes && first + l < threads_.size(); ++l) {
    const Thread& other = threads_[first + l];
    if ((self.mask >> l & 1) == 0 || other.state == State::ended) continue;
    if (other.state != State::in_warp || other.operation != self.operation ||
        other.mask != self.mask || !same_place(other.at, self.at))
      return false;
    lanes[l] = other.mine;
  }
  self.operation(lanes);
  for (unsigned l = 0; l < warp_lanes; ++l)
    if (lanes[l] != nullptr) threads_[first + l].state = State::ready;
  return true;
}

// True if all threads are at it.
bool Multiprocessor::open_barrier() {
  const Thread* first = nullptr;
  for (const Thread& each : threads_) {
    if (each.state == State::ended) continue;
    if (each.state != State::at_barrier) return false;
    if (first == nullptr) first = &each;
    if (!same_place(each.at, first->at)) return false;
  }
  for (Thread& each : threads_)
    if (each.state == State::at_barrier) each.state = State::ready;
  return true;
}

void Multiprocessor::report_stuck() const {
  std::fprintf(stderr, "emulated device: threads of block %u wait for each other for ever:\n",
               blockIdx.x);
  const Thread* last = nullptr;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    const Thread& each = threads_[i];
    if (each.state == State::ended || (last != nullptr && same_place(each.at, last->at))) continue;
    last = &each;
    std::fprintf(stderr, "  from thread %u on %s at %s:%u in %s\n", i,
                 each.state == State::at_barrier ? "at a barrier" : "in an operation of a warp",
                 each.at.file_name(), each.at.line(), each.at.function_name());
  }
  std::abort();
}

unsigned lane() { return threadIdx.x % warp_lanes; }

void wait_for_block(const std::source_location& at) { Multiprocessor::one().wait_for_block(at); }

void with_warp(unsigned mask, WarpOperation operation, void* mine, const std::source_location& at) {
  Multiprocessor::one().with_warp(mask, operation, mine, at);
}

uint4* block_memory() { return Multiprocessor::one().shared_memory(); }

}  // namespace emulator
