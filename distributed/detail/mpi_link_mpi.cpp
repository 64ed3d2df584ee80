// The callers' side of the link, and its beginning and end; mpi_link_thread_mpi.cpp is the rest.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ranvier/distributed/detail/mpi_link.h"

namespace ranvier::detail {

MpiLink::MpiLink(const TransportOptions& options)
    : patience_(options.patience), beat_interval_(std::min(0.5, options.patience / 8)) {
  RV_CHECK(patience_ > 0, "[mpi] patience must be > 0 seconds; got {}.", patience_);
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [this] { return state_ != State::starting; });
  if (state_ == State::running) return;
  lock.unlock();
  thread_.join();
  fail(ErrorCode::communication, "{}", start_error_);
}

// The link's thread leaves when all ranks have ended. As a destructor cannot throw, trouble ends
// all of them.
MpiLink::~MpiLink() {
  tell_others({.kind = Kind::ended});
  std::unique_lock lock(mutex_);
  ending_ = true;
  while (state_ == State::running) {
    settled_.wait_for(lock, beat_interval_);
    lock.unlock();
    const std::string trouble = mailboxes_->trouble();
    if (!trouble.empty()) abort("[mpi] " + trouble);
    lock.lock();
  }
  lock.unlock();
  thread_.join();
}

void MpiLink::send(int to, Channel channel, const Tensor& message) {
  if (to == rank_) return mailboxes_->put(rank_, channel, clone(message));
  Header header{.channel = channel,
                .dtype = message.dtype(),
                .axes = static_cast<std::uint8_t>(message.rank())};
  std::copy(message.shape().begin(), message.shape().end(), header.extents);
  const std::span content(message.raw_data(), static_cast<std::size_t>(message.nbytes()));
  const bool fits = content.size() <= most_inline;
  const std::lock_guard calls(calls_);
  post(to, header, fits ? content : content.first(0), fits ? Tensor() : message);
}

// Whom it does not reach, learns it from the silence.
void MpiLink::tell_others(const Header& header, const std::string& text) try {
  const std::lock_guard calls(calls_);
  post_to_others(header, text);
} catch (const Error&) {
}

void MpiLink::await(bool on) {
  {
    const std::lock_guard lock(mutex_);
    awaited_ = on;
    awaited_since_ = Clock::now();
  }
  work_.notify_one();
}

void MpiLink::flush() {
  await(true);
  std::unique_lock lock(mutex_);
  while (unsettled_ > 0) {
    settled_.wait_for(lock, beat_interval_);
    lock.unlock();
    const std::string trouble = mailboxes_->trouble();
    if (!trouble.empty()) fail(ErrorCode::communication, "[mpi] {}", trouble);
    lock.lock();
  }
  lock.unlock();
  await(false);
}

void MpiLink::abort(const std::string& reason) {
  std::fflush(stdout);
  // One write, so that the lines of several ranks do not mix.
  const std::string line = fmt::format("{}: {}\n", mailboxes_->name(rank_), reason);
  std::fwrite(line.data(), 1, line.size(), stderr);
  tell_others({.kind = Kind::gave_up}, reason);
  {
    const std::lock_guard lock(mutex_);
    giving_up_ = true;
  }
  work_.notify_one();
  // The link's thread calls MPI_Abort, which ends this process unless it cannot reach the launcher.
  std::this_thread::sleep_for(std::chrono::seconds(5));
  std::_Exit(EXIT_FAILURE);
}

}  // namespace ranvier::detail
