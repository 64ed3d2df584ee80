// What the work of a communicator needs, on streams and in graphs.
#pragma once

#include <atomic>
#include <future>
#include <mutex>
#include <string>

#include "tests/emulator/nccl/exchange.h"
#include "tests/emulator/nccl/failure.h"

namespace emulator::nccl {

/// The connections of a rank to the others. They are held by its communicator, by work that streams
/// have to do and by the graphs whose nodes it is: whoever aborts it waits for all of these.
class Links {
 public:
  explicit Links(const Introduction& own) : own_(own) {}
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  const Introduction& own() const { return own_; }

  /// `ncclInProgress` until they are connected, then success, until they end.
  ncclResult_t state() const { return state_; }

  /// Waits for all ranks. What goes wrong ends the links, here and below.
  void connect(const std::string& name);
  /// Moves the messages of a group, when those of others are done; nothing when the links ended.
  void exchange(const Messages& messages);
  /// Work under way stops and more of it does nothing; other ranks that need this one fail. True if
  /// they had not ended yet, with another reason.
  bool end(ncclResult_t reason);

  /// Comes when nobody holds them any more; to be asked for once.
  std::future<void> gone() { return farewell_.said.get_future(); }

 private:
  struct Farewell {
    ~Farewell() { said.set_value(); }
    std::promise<void> said;
  };

  Farewell farewell_;  // the first member ends last, when all sockets are closed
  const Introduction own_;
  Alarm alarm_;
  std::mutex one_group_;  // at a time
  std::mutex mutex_;      // of what follows while it changes
  std::atomic<ncclResult_t> state_ = ncclInProgress;
  Mesh mesh_;
};

}  // namespace emulator::nccl
