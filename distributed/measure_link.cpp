#include "ranvier/distributed/measure_link.h"

#include <algorithm>
#include <chrono>

namespace ranvier {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t shortest = 4, longest = 4 << 20;  // bytes

/// The median of what `body` takes, in seconds.
template <class Body>
double median_seconds(int runs, Body&& body) {
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    const auto start = Clock::now();
    body();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

/// Seconds that a message of `bytes` takes from one of the first two members to the other.
double one_way(const Group& group, std::int64_t bytes, int trips, Device device) {
  const Tensor message = zeros({bytes / 4}, {.device = device});
  Transport& transport = group.transport();
  const int other = group.rank(1 - group.index());
  const double both = median_seconds(trips, [&] {
    if (group.index() == 0) transport.send(message, other, Channel::control);
    transport.receive(message.shape(), {.device = device}, other, Channel::control);
    synchronize(device);
    if (group.index() == 1) transport.send(message, other, Channel::control);
  });
  transport.flush();
  return both / 2;
}

/// Seconds that adding up an array of the longest message's size takes.
double all_reduce_seconds(const Group& group, Device device) {
  const Tensor values = zeros({longest / 4}, {.device = device});
  return median_seconds(7, [&] {
    AllReduce sums(group);
    sums.add(values);
    sums.finish();
    synchronize(device);
  });
}

}  // namespace

Link measure_link(const Group& group, Device device) {
  RV_CHECK(group.size() >= 2, "[measure_link] needs two ranks; the group has one.");
  Link link;
  if (group.index() < 2) {
    one_way(group, longest, 1, device);  // warms up
    link.latency = one_way(group, shortest, 51, device);
    const double whole = one_way(group, longest, 11, device);
    // A long message may look shorter where the link is as fast as the clock is coarse.
    link.bandwidth = static_cast<double>(longest) / std::max(whole - link.latency, 1e-7);
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
