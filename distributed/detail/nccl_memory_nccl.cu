#include <algorithm>
#include <new>
#include <utility>

#include "ranvier/core/allocator.h"
#include "ranvier/distributed/detail/nccl_memory.h"

namespace ranvier::cuda {
namespace {

constexpr std::size_t granularity = std::size_t{2} << 20;  // of ncclMemAlloc

}  // namespace

void check_nccl(const char* call, ncclResult_t result) {
  if (result != ncclSuccess && result != ncclInProgress)
    fail(ErrorCode::communication, "[nccl] {} failed: {}.", call, ncclGetErrorString(result));
}

std::shared_ptr<NcclMemory> NcclMemory::open(ncclComm_t communicator, Device device,
                                             std::string& why_not) {
  std::shared_ptr<NcclMemory> memory(new NcclMemory(communicator, device));
  Block block;
  const ncclResult_t result = memory->make(granularity, block);
  if (result != ncclSuccess) {
    why_not = ncclGetErrorString(result);
    return nullptr;
  }
  if (block.registration == nullptr) why_not = "NCCL_LOCAL_REGISTER is 0";
  memory->give_back(granularity, block.memory);
  return block.registration == nullptr ? nullptr : memory;
}

NcclMemory::~NcclMemory() {
  for (const Block& block : blocks_) ncclMemFree(block.memory);
}

ncclResult_t NcclMemory::make(std::size_t size, Block& block) {
  ncclResult_t result = ncclMemAlloc(&block.memory, size);
  if (result != ncclSuccess) return result;
  result = ncclCommRegister(communicator_, block.memory, size, &block.registration);
  if (result != ncclSuccess)
    ncclMemFree(block.memory);
  else
    blocks_.push_back(block);
  return result;
}

std::shared_ptr<Storage> NcclMemory::take(std::int64_t bytes) {
  const std::size_t asked = std::max<std::size_t>(static_cast<std::size_t>(bytes), 1);
  const std::size_t size = (asked + granularity - 1) / granularity * granularity;
  const std::lock_guard lock(mutex_);
  std::vector<void*>& kept = kept_[size];
  if (kept.empty()) {
    Block block;
    if (make(size, block) != ncclSuccess) {
      allocator(device_).release_kept();
      check_nccl("registering memory for messages", make(size, block));
    }
    kept.push_back(block.memory);
  }
  void* const memory = kept.back();
  kept.pop_back();
  const std::shared_ptr<const void> owner(
      memory, [self = shared_from_this(), size](void* block) { self->give_back(size, block); });
  return std::make_shared<Storage>(memory, size, owner, device_);
}

void NcclMemory::give_back(std::size_t size, void* memory) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    kept_[size].push_back(memory);
  } catch (const std::bad_alloc&) {  // it serves no more, and ends with the others
  }
}

void NcclMemory::deregister() noexcept {
  const std::lock_guard lock(mutex_);
  for (Block& block : blocks_)
    ncclCommDeregister(communicator_, std::exchange(block.registration, nullptr));
}

}  // namespace ranvier::cuda
