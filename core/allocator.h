// Memory for tensors: blocks are kept and reused, never given back between steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "ranvier/core/activity.h"
#include "ranvier/core/device.h"

namespace ranvier {

/// What an allocator has done since the process began, or since `reset_peak` for the peaks.
struct MemoryStats {
  std::int64_t bytes_in_use = 0;        ///< handed out now, rounded up to block sizes
  std::int64_t peak_bytes_in_use = 0;   ///< the largest `bytes_in_use`
  std::int64_t bytes_reserved = 0;      ///< held from the system, in use or kept for reuse
  std::int64_t system_allocations = 0;  ///< blocks taken from the system; constant in a warm loop
  std::int64_t requests = 0;            ///< blocks handed out, from the system or reused
};

/// What a layer holds: what it asked for while it ran, forward or backward, and nobody let go of.
struct LayerMemory {
  LayerName layer;
  std::int64_t bytes;
};

/// Hands out blocks of one device's memory, 64-byte aligned on the CPU, 256 on a CUDA device. A
/// returned block is kept for the next request of its size, so a training loop takes memory from
/// the system in its first step only: faulting pages in anew would cost ten times a memory pass,
/// and asking a CUDA device would wait for it. Large blocks of the CPU are backed by huge pages. On
/// a CUDA device a returned block may still be read by work that was asked for before; whoever gets
/// it next uses it in work that is done after that.
class CachingAllocator {
 public:
  explicit CachingAllocator(Device device);
  ~CachingAllocator();

  /// At least `bytes` bytes. Error: the device has no memory left; says for which operation, how
  /// much was asked for and is in use, and which layers hold most of it (`LayerScope`).
  void* allocate(std::size_t bytes);
  /// Takes back a block of `allocate(bytes)`. Never throws.
  void deallocate(void* block, std::size_t bytes) noexcept;

  MemoryStats stats() const;
  /// Who holds `bytes_in_use`, the largest part first; what no layer asked for is not listed.
  std::vector<LayerMemory> layers() const;
  /// Starts `peak_bytes_in_use` anew from what is in use now.
  void reset_peak();
  /// Gives kept blocks back to the system.
  void release_kept();

 private:
  friend class PrivateMemory;
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

/// Memory set apart for work that is recorded once and done again and again (`CudaGraph`): what is
/// allocated while it is in use belongs to that work even after it has been returned, so that
/// nobody else's tensors lie where the work writes.
class PrivateMemory {
 public:
  explicit PrivateMemory(Device device);
  /// Its blocks serve everybody again.
  ~PrivateMemory();
  PrivateMemory(const PrivateMemory&) = delete;
  PrivateMemory& operator=(const PrivateMemory&) = delete;

  /// While alive, all blocks of the device are taken from the private memory.
  class Use {
   public:
    explicit Use(PrivateMemory& memory);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    CachingAllocator& allocator_;
  };

 private:
  friend class CachingAllocator;
  struct Blocks;
  CachingAllocator& allocator_;
  std::unique_ptr<Blocks> blocks_;
};

/// The allocator of all tensors of the process on `device`. Thread-safe. Error: not available.
CachingAllocator& allocator(Device device);
inline CachingAllocator& cpu_allocator() { return allocator(cpu_device); }

}  // namespace ranvier
