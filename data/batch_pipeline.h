// The threads behind a loader: who makes which batch when.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ranvier::detail {

/// Makes numbered batches ahead of a consumer, in a fixed set of slots: batch k goes to slot
/// k mod slots. Workers take numbers in order and the consumer meets them in order, so the number
/// of workers changes nothing but the speed. Without workers, batches are made when asked for.
class BatchPipeline {
 public:
  /// Makes batch `number` in `slot`; called from several threads, never twice at once for a slot.
  using Make = std::function<void(std::size_t slot, std::int64_t number)>;

  /// Error: a thread cannot be started.
  BatchPipeline(int workers, std::size_t slots, Make make);
  ~BatchPipeline();
  BatchPipeline(const BatchPipeline&) = delete;
  BatchPipeline& operator=(const BatchPipeline&) = delete;

  /// Error: batches of an earlier `start` are not done with.
  void require_idle() const;
  /// Begins to make batches [first, last). Only while idle.
  void start(std::int64_t first, std::int64_t last);
  /// The slot of the next batch, the caller's until `give_back`. Throws what making it threw; the
  /// batch is then skipped and given back already. Only while batches are left.
  std::size_t next();
  /// Frees the slot that `next` returned.
  void give_back();
  /// Forgets the batches that are left; returns when no worker touches a slot any more.
  void stop();

 private:
  struct Slot {
    bool ready = false;
    std::exception_ptr error;
  };
  void work();
  bool work_available() const;
  std::size_t slot_of(std::int64_t number) const;
  void quit();

  const Make make_;
  std::mutex mutex_;
  std::condition_variable work_arrived_, batch_arrived_;
  std::vector<Slot> slots_;
  std::int64_t unclaimed_ = 0;  // the next number that a worker takes
  std::int64_t wanted_ = 0;     // the next number that the consumer takes
  std::int64_t last_ = 0;       // one past the last number
  bool held_ = false;           // the consumer holds batch `wanted_ - 1`
  int busy_ = 0;                // workers that are making a batch
  bool running_ = false;
  bool quitting_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace ranvier::detail
