// Blocks of the depth outside, rows inside: the block of the table that a task's rows add up
// stays in the L2 cache (512 KB at most), the list of a row's spikes in L1.
#include "ranvier/ops/matmul/detail/event_product_isa.h"
#include "ranvier/core/dtype.h"
#include "ranvier/ops/matmul/detail/event_walk.h"

namespace ranvier::detail::RV_ISA_NAMESPACE {
namespace {

void product(const EventProduct& p, const EventTask& task) {
  constexpr std::int64_t most_depth = 1024;
  const std::int64_t words = words_per_row(p.depth);
  const std::int64_t block = event_block_depth(p.depth);
  std::uint32_t list[most_depth + 64];
  for (std::int64_t first = 0; first == 0 || first < p.depth; first += block) {
    const std::int64_t last_word = first + block < p.depth ? (first + block) / 64 : words;
    const bool last = first + block >= p.depth;
    const float* const table = p.table + task.column;
    for (std::int64_t row = task.row; row < task.row + task.rows; ++row) {
      if (p.chosen != nullptr && p.chosen[row] == 0) continue;
      const std::int64_t number =
          list_spikes(p.spikes + row * words + first / 64, last_word - first / 64,
                      static_cast<std::uint32_t>(first), list);
      walk({list, number, table, p.columns}, task.columns,
           {.out = p.out + row * p.columns + task.column,
            .bias = last && p.bias != nullptr ? p.bias + task.column : nullptr,
            .resume = false,
            .add_to_out = first > 0});
    }
  }
}

}  // namespace

extern const EventProductKernels event_product_kernels{.product = product};

}  // namespace ranvier::detail::RV_ISA_NAMESPACE
