// How the ranks of a communicator find each other.
#pragma once

#include <string>
#include <vector>

#include "tests/emulator/nccl/sockets.h"

namespace emulator::nccl {

/// What a rank tells the others of itself.
struct Introduction {
  int ranks, rank;
  int device;
  int process;
};

/// A rank's connections: to each other rank one, to itself none.
using Mesh = std::vector<File>;

/// Connects a rank with all others that use `name`, for which it waits. Error: they do not agree on
/// their number, or have a device in common.
Mesh connect_mesh(const std::string& name, const Introduction& own, const Alarm& alarm);

}  // namespace emulator::nccl
