// Memory that NCCL is told of before it carries messages.
#pragma once

#include <nccl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ranvier/core/storage.h"

namespace ranvier::cuda {

/// Throws a communication `Error` if `result` is one.
void check_nccl(const char* call, ncclResult_t result);

/// Blocks of one device that are registered with one communicator, so that NCCL can move messages
/// from one rank's to another's without buffers of its own. A block that comes back is kept for the
/// next request of its size, so a warm loop registers nothing.
class NcclMemory : public std::enable_shared_from_this<NcclMemory> {
 public:
  /// Null if NCCL registers nothing here; then `why_not` says why.
  static std::shared_ptr<NcclMemory> open(ncclComm_t communicator, Device device,
                                          std::string& why_not);
  ~NcclMemory();
  NcclMemory(const NcclMemory&) = delete;
  NcclMemory& operator=(const NcclMemory&) = delete;

  /// At least `bytes` bytes, which come back when the last tensor in them ends. They are used by
  /// work that is done after what was asked for when they came back, as with `CachingAllocator`.
  /// Error: the device has no memory left.
  std::shared_ptr<Storage> take(std::int64_t bytes);
  /// Tells the communicator, which is about to end, to forget all blocks. They stay memory.
  void deregister() noexcept;

 private:
  struct Block {
    void* memory = nullptr;
    void* registration = nullptr;
  };

  NcclMemory(ncclComm_t communicator, Device device)
      : communicator_(communicator), device_(device) {}
  ncclResult_t make(std::size_t size, Block& block);
  void give_back(std::size_t size, void* memory) noexcept;

  ncclComm_t communicator_;
  const Device device_;
  std::mutex mutex_;  // of what follows
  std::vector<Block> blocks_;
  std::map<std::size_t, std::vector<void*>> kept_;  // by size
};

}  // namespace ranvier::cuda
