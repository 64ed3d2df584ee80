#include "ranvier/ops/fused/detail/pool_rows.h"
#include "ranvier/ops/pool/detail/windows.h"

namespace ranvier::fused::RV_ISA_NAMESPACE {
namespace {

using ranvier::detail::beats;

// Calls body(position in the window, value of its first channel in the tile) in row order.
template <class Body>
inline void for_window(const WindowRow& row, std::int64_t pixel, Body body) {
  std::int64_t position = 0;
  for (std::int64_t r = 0; r < row.kernel; ++r)
    for (std::int64_t q = 0; q < row.kernel; ++q)
      body(position++, r * row.run + (pixel * row.kernel + q) * row.channels);
}

template <class R>
void max(const WindowRow& row, const R* values, R* out) {
  const std::int64_t channels = row.channels;
  for (std::int64_t pixel = 0; pixel < row.pixels; ++pixel, out += channels)
    for_window(row, pixel, [&](std::int64_t position, std::int64_t at) {
      const R* value = values + at;
      const bool first = position == 0;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c)
        out[c] = first || beats(value[c], out[c]) ? value[c] : out[c];
    });
}

template <class R>
void route(const WindowRow& row, const R* values, R* routes) {
  const std::int64_t channels = row.channels;
  for (std::int64_t pixel = 0; pixel < row.pixels; ++pixel, routes += channels)
    for (std::int64_t begin = 0; begin < channels; begin += 64) {
      const std::int64_t count = channels - begin < 64 ? channels - begin : 64;
      R best[64];
      for_window(row, pixel, [&](std::int64_t position, std::int64_t at) {
        const R* value = values + at + begin;
        const bool first = position == 0;
        const R here = static_cast<R>(position);
#pragma omp simd
        for (std::int64_t c = 0; c < count; ++c) {
          const bool wins = first || beats(value[c], best[c]);
          best[c] = wins ? value[c] : best[c];
          routes[begin + c] = wins ? here : routes[begin + c];
        }
      });
    }
}

template <class R>
void scatter_max(const WindowRow& row, const R* grad_out, const R* routes, R* grads) {
  const std::int64_t channels = row.channels;
  for (std::int64_t pixel = 0; pixel < row.pixels; ++pixel) {
    for_window(row, pixel, [&](std::int64_t position, std::int64_t at) {
      R* grad = grads + at;
      const R here = static_cast<R>(position);
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) grad[c] = routes[c] == here ? grad_out[c] : R(0);
    });
    grad_out += channels;
    routes += channels;
  }
}

template <class R>
void average(const WindowRow& row, const R* values, R* out) {
  const std::int64_t channels = row.channels;
  const R area = static_cast<R>(row.kernel * row.kernel);
  for (std::int64_t pixel = 0; pixel < row.pixels; ++pixel, out += channels) {
    for_window(row, pixel, [&](std::int64_t position, std::int64_t at) {
      const R* value = values + at;
      const bool first = position == 0;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) out[c] = (first ? R(0) : out[c]) + value[c];
    });
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) out[c] /= area;
  }
}

template <class R>
void scatter_average(const WindowRow& row, const R* grad_out, R* grads) {
  const std::int64_t channels = row.channels;
  const R area = static_cast<R>(row.kernel * row.kernel);
  for (std::int64_t pixel = 0; pixel < row.pixels; ++pixel, grad_out += channels)
    for_window(row, pixel, [&](std::int64_t, std::int64_t at) {
      R* grad = grads + at;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) grad[c] = grad_out[c] / area;
    });
}

}  // namespace

template <class R>
const PoolRows<R>& pool_rows() {
  static constexpr PoolRows<R> rows{max<R>, route<R>, scatter_max<R>, average<R>,
                                    scatter_average<R>};
  return rows;
}
template const PoolRows<float>& pool_rows<float>();
template const PoolRows<double>& pool_rows<double>();

}  // namespace ranvier::fused::RV_ISA_NAMESPACE
