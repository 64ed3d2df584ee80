// Event-driven matrix products: packed spikes times a table, adding a row of it for each spike.
#pragma once

#include <cstdint>

namespace ranvier::detail {

/// out[r, c] = bias[c] + sum over the spikes d of row r of table[d, c].
struct EventProduct {
  const std::uint64_t* spikes = nullptr;  ///< packed [rows, depth]
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  const float* table = nullptr;  ///< [depth, columns]
  std::int64_t columns = 0;
  const float* bias = nullptr;  ///< [columns], or null
  float* out = nullptr;         ///< [rows, columns]
  /// A byte for each row, not 0 for the rows to compute; null for all.
  const std::uint8_t* chosen = nullptr;
};

/// Spikes of a row whose table rows are summed before the sum is added to the row's result. It
/// keeps the table's block in the L2 cache, and it is how oneDNN 2.6's AVX-512 kernels cut the
/// depth: there the event-driven product of f32 operands has the very bits of the dense one.
constexpr std::int64_t event_block_depth(std::int64_t depth) { return depth > 1024 ? 1024 : 512; }

/// Computes the product on all threads; the result does not depend on their number.
void event_product(const EventProduct& product);

/// A rectangle of the result, for one thread.
struct EventTask {
  std::int64_t row = 0;
  std::int64_t rows = 0;
  std::int64_t column = 0;
  std::int64_t columns = 0;
};

/// The serial kernel, compiled per instruction set.
struct EventProductKernels {
  void (*product)(const EventProduct& product, const EventTask& task);
};

const EventProductKernels& event_product_kernels();

}  // namespace ranvier::detail
