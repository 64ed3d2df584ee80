// Messages of a group on their way.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tests/emulator/nccl/mesh.h"

namespace emulator::nccl {

struct ToSend {
  int to;
  std::span<const std::byte> message;
};
struct ToReceive {
  int from;
  std::span<std::byte> room;
};

/// Between two ranks they match in order.
struct Messages {
  std::vector<ToSend> sends;
  std::vector<ToReceive> receives;
};

/// Error: what `rank` sends to itself is not what it receives from itself.
void check_own_messages(const Messages& messages, int rank);

/// Moves the messages of `rank`, whose own ones match, all at the same time; returns when they have
/// been sent and received. Error: a message of another size than expected, a lost rank, the alarm.
void exchange(const Messages& messages, int rank, const Mesh& mesh, const Alarm& alarm);

}  // namespace emulator::nccl
