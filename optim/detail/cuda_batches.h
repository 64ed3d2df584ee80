// One launch for many arrays: their pointers travel as kernel arguments, which a recorded graph
// keeps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "ranvier/core/detail/cuda_launch.h"

namespace ranvier::optim {

/// Arrays that one launch works through, each by as many blocks as its length asks for.
template <class Item>
struct Batch {
  static constexpr int most = 48;  // with 56 bytes each, within the 4 KB of a kernel's arguments
  Item items[most];
  unsigned first_block[most + 1];
  int number = 0;

  /// The item that `block` works on.
  __device__ int find(unsigned block) const {
    int low = 0, high = number - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first_block[middle] <= block)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
};

/// Calls `launch(batch, first)` for batches that together hold all `items`, `first` being the index
/// of a batch's first. Items have a `count`; a block takes `elements_of_block` elements.
template <class Item, class Launch>
void for_each_batch(std::span<const Item> items, std::int64_t elements_of_block,
                    const Launch& launch) {
  for (std::size_t first = 0; first < items.size(); first += Batch<Item>::most) {
    Batch<Item> batch;
    const std::span<const Item> part =
        items.subspan(first, std::min<std::size_t>(Batch<Item>::most, items.size() - first));
    std::int64_t blocks = 0;
    for (const Item& item : part) {
      batch.items[batch.number] = item;
      batch.first_block[batch.number++] = static_cast<unsigned>(blocks);
      blocks += (item.count + elements_of_block - 1) / elements_of_block;
    }
    batch.first_block[batch.number] = static_cast<unsigned>(blocks);
    launch(batch, first);
  }
}

}  // namespace ranvier::optim
