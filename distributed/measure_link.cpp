#include "ranvier/distributed/measure_link.h"

#include <algorithm>
#include <chrono>

namespace ranvier {
namespace {

/// Seconds that a message of `bytes` takes one way, on the first member; 0 on the others.
double one_way(const Group& group, std::int64_t bytes, int trips, Device device) {
  using Clock = std::chrono::steady_clock;
  const Tensor message = zeros({bytes / 4}, {.device = device});
  Transport& transport = group.transport();
  const int other = group.rank(1 - group.index());
  const auto receive = [&] {
    return transport.receive(message.shape(), {.device = device}, other, Channel::control);
  };
  std::vector<double> seconds;
  for (int trip = 0; trip < trips; ++trip) {
    const auto start = Clock::now();
    if (group.index() == 0) {
      transport.send(message, other, Channel::control);
      receive();
      synchronize(device);
    } else {
      transport.send(receive(), other, Channel::control);
    }
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count() / 2);
  }
  transport.flush();
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return group.index() == 0 ? seconds[seconds.size() / 2] : 0;
}

}  // namespace

Link measure_link(const Group& group, Device device) {
  RV_CHECK(group.size() >= 2, "[measure_link] needs two ranks; the group has one.");
  constexpr std::int64_t shortest = 4, longest = 4 << 20;
  Tensor found = zeros({2}, {.dtype = DType::f64});
  if (group.index() < 2) {
    one_way(group, longest, 1, device);  // warms up
    const double latency = one_way(group, shortest, 51, device);
    const double whole = one_way(group, longest, 11, device);
    double* values = found.mutable_data<double>();
    values[0] = latency;
    // On a link as fast as the clock is coarse, a long message may look shorter.
    values[1] = static_cast<double>(longest) / std::max(whole - latency, 1e-7);
  }
  broadcast(group, found);
  const double* values = found.data<double>();
  return {.latency = values[0], .bandwidth = values[1]};
}

}  // namespace ranvier
