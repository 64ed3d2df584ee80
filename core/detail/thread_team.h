// The threads that help one thread with its parallel loops.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace ranvier::detail {

/// Helpers of the thread that made it. After a loop they look out for the next one for a moment, as
/// those of a training step follow each other closely, and then sleep, so that other programs have
/// the cores. A range whose helper is late is done by the owner.
class ThreadTeam {
 public:
  using Task = void (*)(void* context, int range);

  /// `size` threads, the owner among them. Error (std::system_error): there are no more threads.
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(helpers_.size()) + 1; }
  /// Calls `task(context, range)` for each range in [0, count), at most `size`, each on one thread,
  /// and returns when all have ended. `task` must not throw. The owner alone calls it.
  void run(int count, Task task, void* context);

 private:
  /// One on a cache line, as its thread spins on it.
  struct alignas(64) Helper {
    std::atomic<std::uint32_t> offers = 0;  // odd: a range is to be had; then even again
    std::thread thread;

    void offer();
  };

  Helper& helper_of(int range) const { return *helpers_[static_cast<std::size_t>(range - 1)]; }
  void serve(Helper& helper, int range);
  void do_late_ranges(int count);
  void end();

  const int process_;                             // that the helpers are of, a fork of it has none
  std::vector<std::unique_ptr<Helper>> helpers_;  // of ranges 1, 2, ...
  std::atomic<bool> ends_ = false;
  // Of the loop under way; written while nothing is offered.
  Task task_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<int> open_ = 0;  // ranges of helpers that have not ended
};

}  // namespace ranvier::detail
