#include "ranvier/core/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

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

void* system_allocate(std::size_t size) {
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

void system_deallocate(void* block, std::size_t size) {
  if (size < huge_page)
    std::free(block);
  else
    munmap(block, size);
}

struct Pool {
  std::mutex mutex;
  std::map<std::size_t, std::vector<void*>> kept;
  MemoryStats stats;
};

// Never destroyed: tensors with static lifetime may outlive any order of destruction.
Pool& pool() {
  static Pool& instance = *new Pool;
  return instance;
}

void release_all(Pool& p) {
  for (auto& [size, blocks] : p.kept) {
    for (void* block : blocks) {
      system_deallocate(block, size);
      p.stats.bytes_reserved -= static_cast<std::int64_t>(size);
    }
    blocks.clear();
  }
}

}  // namespace

void* CpuAllocator::allocate(std::size_t bytes) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  const std::size_t size = block_size(bytes);
  auto& kept = p.kept[size];
  void* block = nullptr;
  if (!kept.empty()) {
    block = kept.back();
    kept.pop_back();
  } else {
    block = system_allocate(size);
    if (block == nullptr) {
      release_all(p);
      block = system_allocate(size);
    }
    if (block == nullptr)
      fail(ErrorCode::device, "[allocator] out of memory: asked for {} bytes with {} bytes in use.",
           bytes, p.stats.bytes_in_use);
    ++p.stats.system_allocations;
    p.stats.bytes_reserved += static_cast<std::int64_t>(size);
  }
  ++p.stats.requests;
  p.stats.bytes_in_use += static_cast<std::int64_t>(size);
  p.stats.peak_bytes_in_use = std::max(p.stats.peak_bytes_in_use, p.stats.bytes_in_use);
  return block;
}

void CpuAllocator::deallocate(void* block, std::size_t bytes) noexcept {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  const std::size_t size = block_size(bytes);
  p.stats.bytes_in_use -= static_cast<std::int64_t>(size);
  try {
    p.kept[size].push_back(block);
  } catch (const std::bad_alloc&) {
    system_deallocate(block, size);
  }
}

MemoryStats CpuAllocator::stats() const {
  const std::lock_guard lock(pool().mutex);
  return pool().stats;
}

void CpuAllocator::reset_peak() {
  const std::lock_guard lock(pool().mutex);
  pool().stats.peak_bytes_in_use = pool().stats.bytes_in_use;
}

void CpuAllocator::release_kept() {
  const std::lock_guard lock(pool().mutex);
  release_all(pool());
}

CpuAllocator& cpu_allocator() {
  static CpuAllocator instance;
  return instance;
}

}  // namespace ranvier
