// What a transport over NCCL has for each channel.
#pragma once

#include <cuda_runtime.h>
#include <nccl.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "ranvier/distributed/detail/nccl_memory.h"
#include "ranvier/distributed/transport.h"

namespace ranvier::cuda {

/// Channels do not wait for each other, so each has a communicator and a stream of its own.
struct NcclLink {
  ncclComm_t communicator = nullptr;
  cudaStream_t stream = nullptr;
  std::shared_ptr<NcclMemory> memory;  ///< null: messages go from and to wherever they are
};

/// The links of a rank. They outlive its transport where a graph needs them: NCCL ends no
/// communicator that one still knows.
class NcclLinks {
 public:
  explicit NcclLinks(Device device) : device_(device) {}
  /// Nothing is under way.
  ~NcclLinks();
  NcclLinks(const NcclLinks&) = delete;
  NcclLinks& operator=(const NcclLinks&) = delete;

  NcclLink& operator[](Channel channel) { return links_[static_cast<std::size_t>(channel)]; }
  auto begin() { return links_.begin(); }
  auto end() { return links_.end(); }

  /// Waits for what was asked for.
  void wait() const;
  /// Ends all communicators, and the kernels of theirs that wait for other ranks, and returns
  /// without waiting for that.
  void abort();

 private:
  const Device device_;
  std::array<NcclLink, channel_count> links_;
  std::vector<std::thread> aborting_;
};

}  // namespace ranvier::cuda
