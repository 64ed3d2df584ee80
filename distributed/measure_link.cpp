#include "ranvier/distributed/measure_link.h"

#include <algorithm>
#include <chrono>

namespace ranvier {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t shortest = 4, longest = 4 << 20;  // bytes

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double>& seconds) {
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

/// Between the first two members.
class PingPong {
 public:
  PingPong(const Group& group, Device device)
      : transport_(group.transport()),
        device_(device),
        begins_(group.index() == 0),
        other_(group.rank(1 - group.index())) {}

  /// Seconds that a message of `bytes` takes there and one back. With a `pause`, in seconds, the
  /// one who begins computes for so long before, while the other waits.
  double round_trip(std::int64_t bytes, int trips, double pause = 0) {
    const Tensor message = zeros({bytes / 4}, {.device = device_});
    std::vector<double> seconds;
    for (int trip = 0; trip < trips; ++trip) {
      for (const auto start = Clock::now(); begins_ && seconds_since(start) < pause;) {
      }
      const auto start = Clock::now();
      if (begins_) transport_.send(message, other_, Channel::control);
      transport_.receive(message.shape(), {.device = device_}, other_, Channel::control);
      synchronize(device_);
      if (!begins_) transport_.send(message, other_, Channel::control);
      seconds.push_back(seconds_since(start));
    }
    transport_.flush();
    return median(seconds);
  }

 private:
  Transport& transport_;
  Device device_;
  bool begins_;
  int other_;
};

/// Seconds that adding up two gradients takes that share a bucket of the longest message's size.
double all_reduce_seconds(const Group& group, Device device) {
  const Tensor first = zeros({longest / 8}, {.device = device}), second = clone(first);
  std::vector<double> seconds;
  for (int run = 0; run < 7; ++run) {
    const auto start = Clock::now();
    AllReduce sums(group);
    sums.add(first);
    sums.add(second);
    sums.finish();
    synchronize(device);
    seconds.push_back(seconds_since(start));
  }
  return median(seconds);
}

}  // namespace

Link measure_link(const Group& group, Device device) {
  RV_CHECK(group.size() >= 2, "[measure_link] needs two ranks; the group has one.");
  Link link;
  if (group.index() < 2) {
    PingPong messages(group, device);
    messages.round_trip(longest, 1);  // warms up
    const double answered = messages.round_trip(shortest, 51) / 2;
    const double whole = messages.round_trip(longest, 11) / 2;
    // A long message may look shorter where the link is as fast as the clock is coarse.
    link.bandwidth = static_cast<double>(longest) / std::max(whole - answered, 1e-7);
    // In training a message meets a rank that has waited, and whose thread may sleep.
    constexpr double pause = 5e-4;
    link.latency = std::max(answered, messages.round_trip(shortest, 31, pause) - answered);
  }
  barrier(group);
  const double reduced = all_reduce_seconds(group, device);
  const double sent = 2.0 * (group.size() - 1) / group.size() * static_cast<double>(longest);
  link.summing = std::max(0.0, reduced - 2 * link.latency - link.transfer(sent)) /
                 static_cast<double>(longest);
  Tensor found = from_vector(std::vector<double>{link.latency, link.bandwidth, link.summing}, {3});
  broadcast(group, found);
  const double* const values = found.data<double>();
  return {.latency = values[0], .bandwidth = values[1], .summing = values[2]};
}

}  // namespace ranvier
