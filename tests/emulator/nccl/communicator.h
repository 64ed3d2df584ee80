// The communicators of this process.
#pragma once

#include <memory>
#include <thread>

#include "tests/emulator/nccl/links.h"

namespace emulator::nccl {

/// What a caller holds of a communicator, and what it leaves behind when it is aborted.
struct Communicator {
  std::shared_ptr<Links> links;
  std::jthread connecting;
  cudaStream_t stream = nullptr;  ///< of all its work; null: it had none yet
};

/// Error: it is none, or was aborted.
std::shared_ptr<Communicator> find(ncclComm_t communicator);
/// As `find`. Error: it is not connected, or ended by an error.
std::shared_ptr<Communicator> find_ready(ncclComm_t communicator);

}  // namespace emulator::nccl
