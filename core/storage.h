// A block of device memory that tensors share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "ranvier/core/device.h"

namespace ranvier {

namespace detail {
struct RoundedCopy;
}

/// Owns one block of memory on one device; uninitialised at birth.
class Storage {
 public:
  /// Error: the device is not available, or out of memory.
  Storage(std::size_t bytes, Device device);
  /// Wraps memory of `device` that `owner` keeps alive (a file mapping, a foreign buffer).
  Storage(void* memory, std::size_t bytes, std::shared_ptr<const void> owner,
          Device device = cpu_device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

  /// Counts writes, so that the tape notices a saved tensor that was overwritten.
  std::uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

  /// A 16-bit copy of the array, or null; see core/rounded_copy.h.
  const std::shared_ptr<detail::RoundedCopy>& rounded_copy() const { return rounded_copy_; }
  void keep_rounded_copy(std::shared_ptr<detail::RoundedCopy> copy) {
    rounded_copy_ = std::move(copy);
  }

 private:
  std::byte* data_;
  std::size_t bytes_;
  Device device_;
  std::uint64_t version_ = 0;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<detail::RoundedCopy> rounded_copy_;
  bool pooled_;
};

}  // namespace ranvier
