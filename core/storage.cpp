#include "ranvier/core/storage.h"

#include <utility>

#include "ranvier/core/allocator.h"

namespace ranvier {
namespace {
std::byte* allocate(std::size_t bytes, Device device) {
  return static_cast<std::byte*>(allocator(device).allocate(bytes));
}
}  // namespace

Storage::Storage(std::size_t bytes, Device device)
    : data_(allocate(bytes, device)), bytes_(bytes), device_(device), pooled_(true) {}

Storage::Storage(void* memory, std::size_t bytes, std::shared_ptr<const void> owner, Device device)
    : data_(static_cast<std::byte*>(memory)),
      bytes_(bytes),
      device_(device),
      owner_(std::move(owner)),
      pooled_(false) {}

Storage::~Storage() {
  if (pooled_) allocator(device_).deallocate(data_, bytes_);
}

}  // namespace ranvier
