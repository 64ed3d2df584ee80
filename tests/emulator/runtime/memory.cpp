#include "tests/emulator/runtime/memory.h"

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/emulator/runtime/devices.h"
#include "tests/emulator/runtime/streams.h"

namespace {

using emulator::Place;

struct Block {
  std::size_t bytes;
  int device;
};

struct Blocks {
  std::mutex mutex;
  std::map<const std::byte*, Block> by_address;
  std::map<int, std::size_t> in_use;  // bytes of each device
};

Blocks& blocks() {
  static auto& only = *new Blocks;
  return only;
}

constexpr std::size_t alignment = 256;  // as cudaMalloc's

}  // namespace

Place emulator::place_of(const void* from, std::size_t bytes) {
  const auto* const first = static_cast<const std::byte*>(from);
  const std::lock_guard lock(blocks().mutex);
  auto after = blocks().by_address.upper_bound(first);
  if (after == blocks().by_address.begin()) return Place::host;
  const auto& [start, block] = *std::prev(after);
  if (first >= start + block.bytes) return Place::host;
  return first + bytes <= start + block.bytes ? Place::device : Place::beyond;
}

// New memory holds what is no number, for who reads it before it is written.
cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  *block = nullptr;
  if (bytes == 0) return cudaSuccess;
  const int device = emulator::current_device();
  const std::lock_guard lock(blocks().mutex);
  std::size_t& in_use = blocks().in_use[device];
  if (bytes > emulator::device_memory - in_use) return emulator::said(cudaErrorMemoryAllocation);
  void* const memory =
      std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return emulator::said(cudaErrorMemoryAllocation);
  constexpr int unset = 0xff;
  std::memset(memory, unset, bytes);
  in_use += bytes;
  blocks().by_address[static_cast<std::byte*>(memory)] = {bytes, device};
  *block = memory;
  return cudaSuccess;
}

cudaError_t cudaFree(void* block) {
  if (block == nullptr) return cudaSuccess;
  std::unique_lock lock(blocks().mutex);
  const auto found = blocks().by_address.find(static_cast<std::byte*>(block));
  if (found == blocks().by_address.end()) return emulator::said(cudaErrorInvalidValue);
  const Block freed = found->second;
  blocks().in_use[freed.device] -= freed.bytes;
  blocks().by_address.erase(found);
  lock.unlock();
  emulator::wait_for_device(freed.device);
  std::free(block);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  const Place target = emulator::place_of(to, bytes), source = emulator::place_of(from, bytes);
  const bool fits = kind == cudaMemcpyDefault ? target != Place::beyond && source != Place::beyond
                                              : target == Place::device && source == Place::device;
  if (!fits) return emulator::said(cudaErrorInvalidValue);
  if (source == Place::host && !emulator::is_capturing(stream)) {
    const auto* const first = static_cast<const std::byte*>(from);
    return emulator::enqueue(
        stream, [to, taken = std::make_shared<std::vector<std::byte>>(first, first + bytes)] {
          std::memcpy(to, taken->data(), taken->size());
        });
  }
  const cudaError_t asked = emulator::enqueue(stream, [=] { std::memmove(to, from, bytes); });
  if (asked != cudaSuccess || target == Place::device || emulator::is_capturing(stream))
    return asked;
  return cudaStreamSynchronize(stream);
}

cudaError_t cudaMemsetAsync(void* block, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (emulator::place_of(block, bytes) != Place::device)
    return emulator::said(cudaErrorInvalidValue);
  return emulator::enqueue(stream, [=] { std::memset(block, value, bytes); });
}
