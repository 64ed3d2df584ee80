#include "ranvier/ops/sequence/detail/delay_kernels.h"

namespace ranvier::delay_detail::RV_ISA_NAMESPACE {
namespace {

template <class R>
void add_shifted(const Columns<R>& columns, const R* __restrict row, R* __restrict y) {
  const std::int32_t* __restrict at = columns.at;
  const R* __restrict near = columns.near, * __restrict far = columns.far;
  R* __restrict last = columns.last;
#pragma omp simd
  for (std::int32_t i = 0; i < columns.count; ++i) {
    const R now = row[at[i]];
    y[i] = weighted(y[i], far[i], last[i], near[i], now);
    last[i] = now;
  }
}

template <class R>
void add_slopes(const Columns<R>& columns, const R* __restrict row, const R* __restrict g,
                double* __restrict sum) {
  const std::int32_t* __restrict at = columns.at;
  R* __restrict last = columns.last;
#pragma omp simd
  for (std::int32_t i = 0; i < columns.count; ++i) {
    const R now = row[at[i]];
    sum[i] += static_cast<double>(g[i] * (last[i] - now));
    last[i] = now;
  }
}

}  // namespace

template <class R>
const Kernels<R>& kernels() {
  static constexpr Kernels<R> table{add_shifted<R>, add_slopes<R>};
  return table;
}
template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace ranvier::delay_detail::RV_ISA_NAMESPACE
