#include "ranvier/core/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "ranvier/core/activity.h"
#include "ranvier/core/detail/cuda_runtime.h"
#include "ranvier/core/error.h"

namespace ranvier {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

// Eight sizes per power of two: at most 12.5 % is wasted and blocks of similar tensors are shared.
std::size_t block_size(std::size_t bytes) {
  const std::size_t size = std::max(bytes, alignment);
  const std::size_t step = std::max(alignment, std::bit_floor(size) / 8);
  const std::size_t rounded = (size + step - 1) / step * step;
  return rounded < huge_page ? rounded : (rounded + huge_page - 1) / huge_page * huge_page;
}

void* map_memory(std::size_t size) {
  if (size < huge_page) return std::aligned_alloc(alignment, size);
  void* block =
      mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return nullptr;
  // Trim to a huge-page boundary, so that every page of the block can be a huge one.
  auto* begin = static_cast<char*>(block);
  const std::size_t head =
      (huge_page - reinterpret_cast<std::uintptr_t>(begin) % huge_page) % huge_page;
  if (head > 0) munmap(begin, head);
  munmap(begin + head + size, huge_page - head);
  madvise(begin + head, size, MADV_HUGEPAGE);
  return begin + head;
}

void* system_allocate(Device device, std::size_t size) {
  if (device.type == DeviceType::cuda) return detail::cuda_runtime().allocate(device.index, size);
  return map_memory(size);
}

void system_deallocate(Device device, void* block, std::size_t size) {
  if (device.type == DeviceType::cuda)
    detail::cuda_runtime().deallocate(device.index, block);
  else if (size < huge_page)
    std::free(block);
  else
    munmap(block, size);
}

/// What a user can do when `device` is full.
std::string advice(Device device) {
  if (device.type == DeviceType::cpu) return "";
  return " A smaller batch, packed spikes or shards of time need less.";
}

using KeptBlocks = std::map<std::size_t, std::vector<void*>>;

/// A block in use, and the layer that asked for it.
struct Held {
  LayerName layer;
  std::int64_t bytes;
};
using HeldBlocks = std::unordered_map<void*, Held>;

std::string amount(std::int64_t bytes) {
  if (bytes < 1'000'000) return fmt::format("{} bytes", bytes);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

/// The layers that hold most, as a clause behind what is in use; nothing outside of layers.
std::string holders(const std::vector<LayerMemory>& layers) {
  constexpr std::size_t named = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(named, layers.size()); ++i)
    text +=
        fmt::format("{}{} for {}", i == 0 ? ": " : ", ", amount(layers[i].bytes), *layers[i].layer);
  if (layers.size() > named) text += fmt::format(", less for {} others", layers.size() - named);
  return text;
}

}  // namespace

struct PrivateMemory::Blocks {
  KeptBlocks kept{};
};

struct CachingAllocator::Pool {
  Device device;
  std::mutex mutex{};
  KeptBlocks kept{};
  MemoryStats stats{};
  HeldBlocks held{};
  PrivateMemory::Blocks* in_use = nullptr;                     // instead of `kept`
  std::unordered_map<void*, PrivateMemory::Blocks*> owners{};  // of private blocks

  void release_kept() {
    for (auto& [size, blocks] : kept) {
      for (void* block : blocks) {
        system_deallocate(device, block, size);
        stats.bytes_reserved -= static_cast<std::int64_t>(size);
      }
      blocks.clear();
    }
  }

  std::vector<LayerMemory> layers() const {
    std::map<LayerName, std::int64_t> bytes;
    for (const auto& [block, of] : held)
      if (of.layer != nullptr) bytes[of.layer] += of.bytes;
    std::vector<LayerMemory> result;
    for (const auto& [layer, sum] : bytes) result.push_back({layer, sum});
    std::ranges::sort(result, std::greater(), &LayerMemory::bytes);
    return result;
  }

  [[noreturn]] void fail_full(std::size_t asked) const {
    const std::string activity = current_activity();
    fail(ErrorCode::device,
         "[{}] out of memory on {}: asked for {} with {} in use (at most {} so far){}.{}",
         activity.empty() ? "allocator" : activity, device,
         amount(static_cast<std::int64_t>(asked)), amount(stats.bytes_in_use),
         amount(stats.peak_bytes_in_use), holders(layers()), advice(device));
  }

  void* take_from_system(std::size_t size, std::size_t asked) {
    void* block = system_allocate(device, size);
    if (block == nullptr) {
      release_kept();
      block = system_allocate(device, size);
    }
    if (block == nullptr) fail_full(asked);
    ++stats.system_allocations;
    stats.bytes_reserved += static_cast<std::int64_t>(size);
    return block;
  }
};

CachingAllocator::CachingAllocator(Device device) : pool_(new Pool{.device = device}) {}

CachingAllocator::~CachingAllocator() = default;

void* CachingAllocator::allocate(std::size_t bytes) {
  Pool& p = *pool_;
  const std::lock_guard lock(p.mutex);
  const std::size_t size = block_size(bytes);
  auto& kept = (p.in_use != nullptr ? p.in_use->kept : p.kept)[size];
  void* block = nullptr;
  if (!kept.empty()) {
    block = kept.back();
    kept.pop_back();
  } else {
    block = p.take_from_system(size, bytes);
    if (p.in_use != nullptr) p.owners[block] = p.in_use;
  }
  p.held[block] = {current_layer(), static_cast<std::int64_t>(size)};
  ++p.stats.requests;
  p.stats.bytes_in_use += static_cast<std::int64_t>(size);
  p.stats.peak_bytes_in_use = std::max(p.stats.peak_bytes_in_use, p.stats.bytes_in_use);
  return block;
}

void CachingAllocator::deallocate(void* block, std::size_t bytes) noexcept {
  Pool& p = *pool_;
  const std::lock_guard lock(p.mutex);
  const std::size_t size = block_size(bytes);
  p.stats.bytes_in_use -= static_cast<std::int64_t>(size);
  p.held.erase(block);
  try {
    const auto owner = p.owners.find(block);
    (owner == p.owners.end() ? p.kept : owner->second->kept)[size].push_back(block);
  } catch (const std::bad_alloc&) {
    system_deallocate(p.device, block, size);
  }
}

MemoryStats CachingAllocator::stats() const {
  const std::lock_guard lock(pool_->mutex);
  return pool_->stats;
}

std::vector<LayerMemory> CachingAllocator::layers() const {
  const std::lock_guard lock(pool_->mutex);
  return pool_->layers();
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(pool_->mutex);
  pool_->stats.peak_bytes_in_use = pool_->stats.bytes_in_use;
}

void CachingAllocator::release_kept() {
  const std::lock_guard lock(pool_->mutex);
  pool_->release_kept();
}

PrivateMemory::PrivateMemory(Device device)
    : allocator_(allocator(device)), blocks_(std::make_unique<Blocks>()) {}

PrivateMemory::~PrivateMemory() {
  CachingAllocator::Pool& pool = *allocator_.pool_;
  const std::lock_guard lock(pool.mutex);
  for (auto& [size, blocks] : blocks_->kept) {
    auto& kept = pool.kept[size];
    kept.insert(kept.end(), blocks.begin(), blocks.end());
  }
  std::erase_if(pool.owners, [&](const auto& entry) { return entry.second == blocks_.get(); });
}

PrivateMemory::Use::Use(PrivateMemory& memory) : allocator_(memory.allocator_) {
  const std::lock_guard lock(allocator_.pool_->mutex);
  RV_CHECK(allocator_.pool_->in_use == nullptr, "[allocator] a private memory is in use already.");
  allocator_.pool_->in_use = memory.blocks_.get();
}

PrivateMemory::Use::~Use() {
  const std::lock_guard lock(allocator_.pool_->mutex);
  allocator_.pool_->in_use = nullptr;
}

// Never destroyed: tensors with static lifetime may outlive any order of destruction.
CachingAllocator& allocator(Device device) {
  static CachingAllocator& cpu = *new CachingAllocator(cpu_device);
  if (device.type == DeviceType::cpu) return cpu;
  require_available(device);
  static const std::vector<CachingAllocator*>& cuda = *[] {
    auto* const all = new std::vector<CachingAllocator*>;
    for (int i = 0; i < cuda_device_count(); ++i)
      all->push_back(new CachingAllocator({DeviceType::cuda, i}));
    return all;
  }();
  return *cuda[static_cast<std::size_t>(device.index)];
}

}  // namespace ranvier
