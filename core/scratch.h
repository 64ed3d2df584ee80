// Scratch memory for parallel loops.
#pragma once

#include <atomic>
#include <cstddef>

#include "ranvier/core/parallel.h"
#include "ranvier/core/storage.h"

namespace ranvier {

/// A slice of scratch memory for each range of one `parallel_for`, taken before the loop: so the
/// number of blocks in use at once does not depend on which threads overlap, and a warm training
/// loop never asks for one more.
class RangeScratch {
 public:
  /// `bytes` for each range; slices are 64-byte aligned.
  explicit RangeScratch(std::size_t bytes)
      : bytes_((bytes + 63) / 64 * 64),
        storage_(bytes_ * static_cast<std::size_t>(num_threads()), cpu_device) {}

  /// The slice of the calling range, which asks once.
  template <class T>
  T* take() {
    return reinterpret_cast<T*>(storage_.data() + bytes_ * next_.fetch_add(1));
  }

 private:
  std::size_t bytes_;
  Storage storage_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace ranvier
