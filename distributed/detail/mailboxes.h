// What has arrived at one rank, and what it knows of the others.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/distributed/transport.h"

namespace ranvier::detail {

/// What a rank is doing, as it tells the others.
struct Doing {
  int waits_for = -1;         ///< the rank whose message it waits for; -1: it computes
  std::int64_t received = 0;  ///< messages so far, which tells one wait from the next

  bool operator==(const Doing&) const = default;
};

/// The messages of all ranks to one, in a queue for each sender and channel. One thread takes them;
/// any number deliver and report. A wait fails as soon as it is known to be in vain.
class Mailboxes {
 public:
  /// For rank `rank` of those that `names` describes.
  Mailboxes(int rank, std::vector<std::string> names, double patience);

  /// Calls `report` with what the taking thread does whenever it begins to wait and when it stops.
  void report_waits(std::function<void(const Doing&)> report) { report_ = std::move(report); }

  void put(int from, Channel channel, Tensor message);
  bool holds(int from, Channel channel) const;
  /// Waits for the next message. Errors (communication): the sender has ended, or one has given up;
  /// the sender was silent, or it and this rank wait for each other, for longer than patience.
  Tensor take(int from, Channel channel);

  /// `rank` lives. A rank of which this was never said may be silent for ever.
  void heard(int rank);
  void heard(int rank, const Doing& doing);
  /// Counts `seconds` of silence on all ranks that have been heard. They pass in steps of this
  /// rank's own beats: one that was stopped itself does not take the others for lost.
  void pass_time(double seconds);
  /// Nothing more comes of `rank`, as it has all it wants.
  void ended(int rank);
  /// `rank`, which may be this one, cannot go on. The first reason counts.
  void gave_up(int rank, const std::string& reason);

  /// What the taking thread does now.
  Doing doing() const;
  /// True once all other ranks have ended.
  bool all_ended() const;
  /// Why no wait can succeed any more: a rank that gave up or is silent. Empty: none.
  std::string trouble() const;
  const std::string& name(int rank) const { return names_[static_cast<std::size_t>(rank)]; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Peer {
    std::array<std::deque<Tensor>, channel_count> queues;
    bool ended = false;
    std::optional<double> silence;  // seconds; absent: nobody counts
    Doing doing;
    Clock::time_point doing_since, doing_heard;  // the last: when it said so again
  };

  Peer& peer(int rank) { return peers_[static_cast<std::size_t>(rank)]; }
  const Peer& peer(int rank) const { return peers_[static_cast<std::size_t>(rank)]; }
  std::deque<Tensor>& queue(int from, Channel channel) {
    return peer(from).queues[static_cast<std::size_t>(channel)];
  }
  std::string trouble_locked() const;
  void check_wait(int from, Channel channel, Clock::time_point since) const;
  bool waits_in_a_ring(int from) const;
  void set_doing(int waits_for, std::unique_lock<std::mutex>& lock);

  const int rank_;
  const std::vector<std::string> names_;
  const double patience_;
  std::function<void(const Doing&)> report_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Peer> peers_;
  Doing doing_;
  std::string given_up_;
};

}  // namespace ranvier::detail
