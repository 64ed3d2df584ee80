// All elements of many gradients, shared out to the threads of one launch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/optim/detail/cuda_batches.h"

namespace ranvier::optim {

/// An array of gradients.
struct Range {
  float* values;
  std::int64_t count;
};
using Ranges = Batch<Range>;

inline constexpr std::int64_t elements_of_thread = 16;
inline constexpr std::int64_t elements_of_block = cuda::block_threads * elements_of_thread;

inline std::vector<Range> ranges_of(const char* op, std::span<const Tensor> gradients) {
  std::vector<Range> ranges;
  for (const Tensor& gradient : gradients)
    ranges.push_back({const_cast<float*>(cuda::elements<float>(op, gradient)), gradient.numel()});
  return ranges;
}

/// Calls body(element) for the elements of a block's part that are this thread's.
template <class Body>
__device__ void for_each_element(const Ranges& batch, const Body& body) {
  const int index = batch.find(blockIdx.x);
  const Range range = batch.items[index];
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x - batch.first_block[index]) * elements_of_block +
      threadIdx.x;
#pragma unroll 4
  for (int k = 0; k < elements_of_thread; ++k) {
    const std::int64_t i = first + k * cuda::block_threads;
    if (i < range.count) body(range.values[i]);
  }
}

}  // namespace ranvier::optim
