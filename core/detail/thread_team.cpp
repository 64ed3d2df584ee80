#include "ranvier/core/detail/thread_team.h"

#include <immintrin.h>
#include <unistd.h>

#include <chrono>

namespace ranvier::detail {
namespace {

// How long to look before one sleeps. To wake up takes a thread up to 50 us, and most loops of a
// training step come sooner after each other than that.
constexpr std::chrono::microseconds patience{200};

/// Waits until `value` is no longer one that `unwanted` holds for; returns it.
template <class T, class Unwanted>
T awaited(const std::atomic<T>& value, Unwanted unwanted) {
  constexpr int looks_between_clocks = 16;
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    for (int look = 0; look < looks_between_clocks; ++look) {
      const T now = value.load(std::memory_order_acquire);
      if (!unwanted(now)) return now;
      _mm_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  T now = value.load(std::memory_order_acquire);
  while (unwanted(now)) {
    value.wait(now, std::memory_order_acquire);
    now = value.load(std::memory_order_acquire);
  }
  return now;
}

bool is_offer(std::uint32_t offers) { return offers % 2 != 0; }

/// Whether the range that was offered is the caller's now.
bool claimed(std::atomic<std::uint32_t>& offers, std::uint32_t offer) {
  return offers.compare_exchange_strong(offer, offer + 1, std::memory_order_acquire,
                                        std::memory_order_relaxed);
}

}  // namespace

void ThreadTeam::Helper::offer() {
  offers.fetch_add(1, std::memory_order_release);
  offers.notify_one();
}

ThreadTeam::ThreadTeam(int size) : process_(getpid()) {
  for (int i = 1; i < size; ++i) helpers_.push_back(std::make_unique<Helper>());
  try {
    for (int i = 1; i < size; ++i) {
      Helper& helper = helper_of(i);
      helper.thread = std::thread([this, &helper, i] { serve(helper, i); });
    }
  } catch (...) {
    end();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { end(); }

void ThreadTeam::end() {
  if (process_ != getpid()) {
    for (const auto& helper : helpers_) helper->thread.detach();
    return;
  }
  ends_.store(true, std::memory_order_relaxed);
  for (const auto& helper : helpers_) helper->offer();
  for (const auto& helper : helpers_)
    if (helper->thread.joinable()) helper->thread.join();
}

void ThreadTeam::run(int count, Task task, void* context) {
  task_ = task;
  context_ = context;
  open_.store(count - 1, std::memory_order_relaxed);
  for (int range = 1; range < count; ++range) helper_of(range).offer();
  task(context, 0);
  do_late_ranges(count);
  awaited(open_, [](int open) { return open > 0; });
}

void ThreadTeam::do_late_ranges(int count) {
  for (int range = count - 1; range > 0; --range) {
    std::atomic<std::uint32_t>& offers = helper_of(range).offers;
    const std::uint32_t offer = offers.load(std::memory_order_relaxed);
    if (!is_offer(offer) || !claimed(offers, offer)) continue;
    task_(context_, range);
    open_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void ThreadTeam::serve(Helper& helper, int range) {
  for (;;) {
    const std::uint32_t offer =
        awaited(helper.offers, [](std::uint32_t offers) { return !is_offer(offers); });
    if (ends_.load(std::memory_order_relaxed)) return;
    if (!claimed(helper.offers, offer)) continue;  // it came too late
    task_(context_, range);
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) open_.notify_one();
  }
}

}  // namespace ranvier::detail
