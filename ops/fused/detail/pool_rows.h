// Pooling of the spikes of a tile, one copy per instruction set.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"

namespace ranvier::fused {

/// A row of `pixels` windows over kernel x kernel pixels of `channels` values; the window's rows
/// are `run` values apart.
struct WindowRow {
  std::int64_t pixels, kernel, channels, run;
};

/// `values` and `grads` are the tile's [kernel, run]; the others [pixels, channels]. A route is the
/// position in its window, in row order, of the first largest value.
template <class R>
struct PoolRows {
  void (*max)(const WindowRow& row, const R* values, R* out);
  void (*route)(const WindowRow& row, const R* values, R* routes);
  void (*scatter_max)(const WindowRow& row, const R* grad_out, const R* routes, R* grads);
  void (*average)(const WindowRow& row, const R* values, R* out);
  void (*scatter_average)(const WindowRow& row, const R* grad_out, R* grads);
};

namespace isa_v2 {
template <class R>
const PoolRows<R>& pool_rows();
}
namespace isa_v3 {
template <class R>
const PoolRows<R>& pool_rows();
}
namespace isa_v4 {
template <class R>
const PoolRows<R>& pool_rows();
}

template <class R>
const PoolRows<R>& pool_rows() {
  return pick_isa(isa_v2::pool_rows<R>(), isa_v3::pool_rows<R>(), isa_v4::pool_rows<R>());
}

}  // namespace ranvier::fused
