#include "ranvier/distributed/detail/mailboxes.h"

#include <algorithm>

namespace ranvier::detail {

Mailboxes::Mailboxes(int rank, std::vector<std::string> names, double patience)
    : rank_(rank), names_(std::move(names)), patience_(patience), peers_(names_.size()) {
  RV_CHECK(patience > 0, "[transport] patience must be > 0 seconds; got {}.", patience);
}

void Mailboxes::put(int from, Channel channel, Tensor message) {
  {
    const std::lock_guard lock(mutex_);
    queue(from, channel).push_back(std::move(message));
  }
  changed_.notify_all();
}

bool Mailboxes::holds(int from, Channel channel) const {
  const std::lock_guard lock(mutex_);
  return !peer(from).queues[static_cast<std::size_t>(channel)].empty();
}

Tensor Mailboxes::take(int from, Channel channel) {
  std::unique_lock lock(mutex_);
  std::deque<Tensor>& messages = queue(from, channel);
  if (messages.empty()) {
    const Clock::time_point since = Clock::now();
    set_doing(from, lock);
    const auto step = std::chrono::duration<double>(std::min(0.5, patience_ / 4));
    while (messages.empty()) {
      check_wait(from, channel, since);
      changed_.wait_for(lock, step);
    }
    set_doing(-1, lock);
  }
  Tensor message = std::move(messages.front());
  messages.pop_front();
  ++doing_.received;
  return message;
}

// Without the lock, as the report may lock the mailboxes of others.
void Mailboxes::set_doing(int waits_for, std::unique_lock<std::mutex>& lock) {
  doing_.waits_for = waits_for;
  if (!report_) return;
  const Doing now = doing_;
  lock.unlock();
  report_(now);
  lock.lock();
}

void Mailboxes::check_wait(int from, Channel channel, Clock::time_point since) const {
  const std::string why = trouble_locked();
  if (!why.empty()) fail(ErrorCode::communication, "[transport] {}", why);
  if (from == rank_)
    fail(ErrorCode::communication,
         "[transport] {} waits on channel '{}' for a message of its own that it has not sent.",
         name(from), ranvier::name(channel));
  if (peer(from).ended)
    fail(ErrorCode::communication,
         "[transport] {} has ended, and {} still waits for a message of it on channel '{}': they "
         "do not run the same program.",
         name(from), name(rank_), ranvier::name(channel));
  if (Clock::now() - since > std::chrono::duration<double>(patience_) && waits_in_a_ring(from))
    fail(ErrorCode::communication,
         "[transport] {} and {} have been waiting for each other for {} s, this one on channel "
         "'{}': they do not run the same program.",
         name(rank_), name(from), patience_, ranvier::name(channel));
}

// Whether `from` waits for this rank, or for one that does, and so on, all for long; as far as they
// said so, for one that is silent may have gone on.
bool Mailboxes::waits_in_a_ring(int from) const {
  for (std::size_t hops = 0; hops < peers_.size() && from != rank_; ++hops) {
    const Peer& next = peer(from);
    const Clock::time_point known = next.silence ? next.doing_heard : Clock::now();
    if (next.doing.waits_for < 0 ||
        known - next.doing_since < std::chrono::duration<double>(patience_))
      return false;
    from = next.doing.waits_for;
  }
  return from == rank_;
}

void Mailboxes::heard(int rank) {
  const std::lock_guard lock(mutex_);
  peer(rank).silence = 0;
}

void Mailboxes::heard(int rank, const Doing& doing) {
  const std::lock_guard lock(mutex_);
  Peer& sender = peer(rank);
  sender.doing_heard = Clock::now();
  if (sender.doing == doing) return;
  sender.doing = doing;
  sender.doing_since = sender.doing_heard;
}

void Mailboxes::pass_time(double seconds) {
  {
    const std::lock_guard lock(mutex_);
    for (Peer& peer : peers_)
      if (peer.silence && !peer.ended) *peer.silence += seconds;
  }
  changed_.notify_all();
}

void Mailboxes::ended(int rank) {
  {
    const std::lock_guard lock(mutex_);
    peer(rank).ended = true;
  }
  changed_.notify_all();
}

void Mailboxes::gave_up(int rank, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (given_up_.empty()) given_up_ = fmt::format("{} gave up: {}", name(rank), reason);
  }
  changed_.notify_all();
}

Doing Mailboxes::doing() const {
  const std::lock_guard lock(mutex_);
  return doing_;
}

bool Mailboxes::all_ended() const {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < peers_.size(); ++i)
    if (static_cast<int>(i) != rank_ && !peers_[i].ended) return false;
  return true;
}

std::string Mailboxes::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_locked();
}

std::string Mailboxes::trouble_locked() const {
  if (!given_up_.empty()) return given_up_;
  for (std::size_t i = 0; i < peers_.size(); ++i)
    if (peers_[i].silence.value_or(0) > patience_ && !peers_[i].ended)
      return fmt::format(
          "{} has been silent for {} s: it hangs, was stopped, or the network is down.", names_[i],
          patience_);
  return {};
}

}  // namespace ranvier::detail
