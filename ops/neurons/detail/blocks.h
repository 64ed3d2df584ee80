// How engines cut neurons and time, and the memory they work in.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "ranvier/core/detail/flush_subnormals.h"
#include "ranvier/core/detail/prefetch.h"
#include "ranvier/core/scratch.h"
#include "ranvier/ops/neurons/detail/isa_kernels.h"
#include "ranvier/ops/neurons/kernels.h"

namespace ranvier::neurons {

inline constexpr std::int64_t smallest_block = 128;
inline constexpr std::int64_t largest_block = 192;         // states and x of some steps fit L1
inline constexpr std::int64_t backward_bytes = 512 << 10;  // of a block's steps, half a common L2
inline constexpr std::int64_t streamed_bytes = 4 << 20;  // results from this size bypass the caches

/// Hands out one thread's scratch memory row by row.
template <class R>
class Scratch {
 public:
  explicit Scratch(R* memory) : next_(memory) {}
  R* take(std::int64_t elements) {
    R* const taken = next_;
    next_ += elements;
    return taken;
  }

 private:
  R* next_;
};

/// Scratch memory of `elements` for each range of a parallel loop.
template <class R>
RangeScratch scratch_for(std::int64_t elements) {
  return RangeScratch(static_cast<std::size_t>(elements) * sizeof(R));
}

using ranvier::detail::FlushSubnormals;
using ranvier::detail::prefetch;

/// The state of neurons [first, first + count) at the start of a shard: what was given, else rest.
template <class R>
void load_state(const Program<R>& program, const R* const* given, std::int64_t first,
                std::int64_t count, R* state, std::int64_t stride) {
  for (int k = 0; k < program.states; ++k) {
    R* const variable = state + k * stride;
    if (given[k] != nullptr)
      std::copy_n(given[k] + first, count, variable);
    else
      std::fill_n(variable, count, program.rest[k]);
  }
}

/// Writes result rows, past the caches if there are many.
template <class R>
class RowWriter {
 public:
  explicit RowWriter(std::int64_t elements)
      : stream_(elements * static_cast<std::int64_t>(sizeof(R)) >= streamed_bytes
                    ? isa_kernels<R>().stream
                    : nullptr) {}
  void write(const R* from, R* to, std::int64_t count) const {
    if (stream_ != nullptr)
      stream_(from, to, count);
    else
      std::copy_n(from, count, to);
  }

 private:
  void (*stream_)(const R*, R*, std::int64_t);
};

/// Makes streamed rows visible to other threads.
inline void fence_streams() { _mm_sfence(); }

/// Consecutive neurons; where spikes are packed, whole rows of columns or one row's piece.
struct Block {
  std::int64_t first, count;
  std::int64_t row, rows, column, columns;  // rows of `columns` neurons, from `column` on
};

/// A size of blocks that leaves some for every thread, however many there are.
inline std::int64_t block_for(std::int64_t neurons, std::int64_t largest) {
  return std::clamp((neurons / 16 + 63) / 64 * 64, smallest_block, largest);
}

/// The most rows of `columns` neurons that make `neurons`, at least one: a power of two, so that
/// blocks for one number of neurons do not straddle those for another.
inline std::int64_t rows_for(std::int64_t neurons, std::int64_t columns) {
  const auto rows = static_cast<std::uint64_t>(std::max<std::int64_t>(1, neurons / columns));
  return static_cast<std::int64_t>(std::bit_floor(rows));
}

/// How [neurons] is cut for a forward pass. Packed rows start on a word, so a block is a number
/// of rows or a piece of one that starts on a word.
class Blocks {
 public:
  Blocks(std::int64_t neurons, std::int64_t columns, std::int64_t largest)
      : size_(block_for(neurons, largest)),
        columns_(columns),
        rows_(neurons / columns),
        rows_per_block_(rows_for(size_, columns)),
        pieces_per_row_((columns + size_ - 1) / size_) {}
  /// The most neurons in a block.
  std::int64_t size() const { return size_; }
  std::int64_t count() const { return count_before(rows_); }
  /// Blocks of the rows before `row`, with which one begins.
  std::int64_t count_before(std::int64_t row) const {
    return columns_ > size_ ? row * pieces_per_row_ : (row + rows_per_block_ - 1) / rows_per_block_;
  }
  Block operator[](std::int64_t index) const {
    if (columns_ > size_) {
      const std::int64_t row = index / pieces_per_row_;
      const std::int64_t column = index % pieces_per_row_ * size_;
      const std::int64_t count = std::min(size_, columns_ - column);
      return {row * columns_ + column, count, row, 1, column, count};
    }
    const std::int64_t row = index * rows_per_block_;
    const std::int64_t rows = std::min(rows_per_block_, rows_ - row);
    return {row * columns_, rows * columns_, row, rows, 0, columns_};
  }

 private:
  std::int64_t size_, columns_, rows_, rows_per_block_, pieces_per_row_;
};

}  // namespace ranvier::neurons
