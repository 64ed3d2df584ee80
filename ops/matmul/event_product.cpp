#include <algorithm>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/matmul/detail/event_product_isa.h"

namespace ranvier::detail {

const EventProductKernels& event_product_kernels() {
  return pick_isa(isa_v2::event_product_kernels, isa_v3::event_product_kernels,
                  isa_v4::event_product_kernels);
}

void event_product(const EventProduct& product) {
  constexpr std::int64_t block_floats = 1 << 17;  // 512 KB of the table stay in L2
  constexpr std::int64_t most_rows = 256, least_rows = 8;
  if (product.rows == 0 || product.columns == 0) return;
  const std::int64_t columns = block_floats / event_block_depth(product.depth);
  const std::int64_t column_tasks = (product.columns + columns - 1) / columns;
  // Enough tasks for all threads; each thread's share lies in few column blocks.
  const std::int64_t row_share = product.rows * column_tasks / (2 * num_threads());
  const std::int64_t rows = std::clamp(row_share, least_rows, most_rows);
  const std::int64_t row_tasks = (product.rows + rows - 1) / rows;
  const auto kernel = event_product_kernels().product;
  parallel_for(0, column_tasks * row_tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i % row_tasks * rows, column = i / row_tasks * columns;
      kernel(product, {.row = row,
                       .rows = std::min(rows, product.rows - row),
                       .column = column,
                       .columns = std::min(columns, product.columns - column)});
    }
  });
}

}  // namespace ranvier::detail
