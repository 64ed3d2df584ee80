#include "ranvier/data/batch_pipeline.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

// A worker of equal priority makes every parallel loop of the training step wait for the core it
// occupies, two to three times as long; at this priority it uses what the step leaves over.
void lower_priority_of_this_thread() {
  const auto thread = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + 10);
}

}  // namespace

BatchPipeline::BatchPipeline(int workers, std::size_t slots, Make make)
    : make_(std::move(make)), slots_(slots) {
  try {
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    quit();
    fail(ErrorCode::state, "[loader] only {} of {} worker threads could be started: {}.",
         workers_.size(), workers, error.what());
  }
}

BatchPipeline::~BatchPipeline() {
  stop();
  quit();
}

void BatchPipeline::quit() {
  {
    const std::lock_guard lock(mutex_);
    quitting_ = true;
  }
  work_arrived_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::size_t BatchPipeline::slot_of(std::int64_t number) const {
  return static_cast<std::size_t>(number) % slots_.size();
}

// A slot is free for batch n once batch n - slots was given back.
bool BatchPipeline::work_available() const {
  const std::int64_t given_back = wanted_ - (held_ ? 1 : 0);
  return unclaimed_ < last_ && unclaimed_ < given_back + static_cast<std::int64_t>(slots_.size());
}

void BatchPipeline::work() {
  lower_priority_of_this_thread();
  std::unique_lock lock(mutex_);
  while (true) {
    work_arrived_.wait(lock, [this] { return quitting_ || work_available(); });
    if (quitting_) return;
    const std::int64_t number = unclaimed_++;
    const std::size_t slot = slot_of(number);
    ++busy_;
    lock.unlock();
    std::exception_ptr error;
    try {
      make_(slot, number);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --busy_;
    slots_[slot].error = std::move(error);
    slots_[slot].ready = true;
    batch_arrived_.notify_one();
  }
}

// Only the consumer's thread writes and reads `running_`.
void BatchPipeline::require_idle() const {
  if (running_) fail(ErrorCode::state, "[loader] an epoch of this loader is still being read.");
}

void BatchPipeline::start(std::int64_t first, std::int64_t last) {
  const std::lock_guard lock(mutex_);
  running_ = true;
  unclaimed_ = wanted_ = first;
  last_ = last;
  work_arrived_.notify_all();
}

std::size_t BatchPipeline::next() {
  RV_ASSERT(running_ && wanted_ < last_ && !held_, "[loader] no batch can be taken now");
  const std::size_t slot = slot_of(wanted_);
  if (workers_.empty()) {
    make_(slot, wanted_++);
    held_ = true;
    return slot;
  }
  std::unique_lock lock(mutex_);
  batch_arrived_.wait(lock, [&] { return slots_[slot].ready; });
  slots_[slot].ready = false;
  ++wanted_;
  if (const std::exception_ptr error = std::exchange(slots_[slot].error, nullptr)) {
    work_arrived_.notify_one();
    lock.unlock();
    std::rethrow_exception(error);
  }
  held_ = true;
  return slot;
}

void BatchPipeline::give_back() {
  {
    const std::lock_guard lock(mutex_);
    held_ = false;
  }
  work_arrived_.notify_one();
}

void BatchPipeline::stop() {
  std::unique_lock lock(mutex_);
  last_ = unclaimed_;
  batch_arrived_.wait(lock, [this] { return busy_ == 0; });
  for (Slot& slot : slots_) slot = {};
  held_ = running_ = false;
}

}  // namespace ranvier::detail
