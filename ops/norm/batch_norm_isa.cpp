#include <algorithm>

#include "ranvier/ops/neurons/math.h"
#include "ranvier/ops/norm/detail/batch_norm_kernels.h"

namespace ranvier::norm::RV_ISA_NAMESPACE {
namespace {

using neurons::mul_add;

// Sixteen rows are added up in R before they join the f64 sums, where a rounding error in R is
// lost. Rows are read one after another: the processor's prefetcher does not follow several at
// once.
constexpr std::int64_t rows_per_flush = 16;
constexpr std::int64_t block = 1024;

// first and second [columns] += a and b [width] of `add_row(row, begin, width, a, b)`, which adds
// the terms of columns [begin, begin + width) of a row.
template <class R, class AddRow>
inline void sum_rows(std::int64_t rows, std::int64_t columns, double* __restrict first,
                     double* __restrict second, AddRow add_row) {
  alignas(64) R a[block], b[block];
  for (std::int64_t begin = 0; begin < columns; begin += block) {
    const std::int64_t width = std::min(block, columns - begin);
    std::fill_n(a, width, R(0));
    std::fill_n(b, width, R(0));
    for (std::int64_t row = 0; row < rows; ++row) {
      add_row(row, begin, width, a, b);
      if (row % rows_per_flush != rows_per_flush - 1 && row + 1 != rows) continue;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) {
        first[begin + c] += static_cast<double>(a[c]);
        second[begin + c] += static_cast<double>(b[c]);
        a[c] = b[c] = R(0);
      }
    }
  }
}

template <class R>
void moments(const R* __restrict x, std::int64_t rows, std::int64_t columns,
             const R* __restrict origin, double* sum, double* square) {
  sum_rows<R>(rows, columns, sum, square,
              [=](std::int64_t row, std::int64_t begin, std::int64_t width, R* __restrict a,
                  R* __restrict b) {
                const R* __restrict x_row = x + row * columns + begin;
                const R* __restrict at = origin + begin;
#pragma omp simd
                for (std::int64_t c = 0; c < width; ++c) {
                  const R d = x_row[c] - at[c];
                  a[c] += d;
                  b[c] += d * d;
                }
              });
}

template <class R>
void gradient_sums(const R* __restrict g, const R* __restrict x, std::int64_t rows,
                   std::int64_t columns, const R* __restrict centre, double* sum_grad,
                   double* sum_grad_x) {
  sum_rows<R>(rows, columns, sum_grad, sum_grad_x,
              [=](std::int64_t row, std::int64_t begin, std::int64_t width, R* __restrict a,
                  R* __restrict b) {
                const R* __restrict g_row = g + row * columns + begin;
                const R* __restrict x_row = x + row * columns + begin;
                const R* __restrict at = centre + begin;
#pragma omp simd
                for (std::int64_t c = 0; c < width; ++c) {
                  a[c] += g_row[c];
                  b[c] += g_row[c] * (x_row[c] - at[c]);
                }
              });
}

template <class R>
void affine(const R* __restrict x, std::int64_t rows, std::int64_t columns,
            const R* __restrict scale, const R* __restrict shift, R* __restrict y) {
  for (std::int64_t row = 0; row < rows; ++row, x += columns, y += columns) {
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) y[c] = mul_add(x[c], scale[c], shift[c]);
  }
}

template <class R>
void gradient(const R* __restrict g, const R* __restrict x, std::int64_t rows, std::int64_t columns,
              const R* __restrict scale, const R* __restrict slope, const R* __restrict centre,
              const R* __restrict offset, R* __restrict gx) {
  for (std::int64_t row = 0; row < rows; ++row, g += columns, x += columns, gx += columns) {
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c)
      gx[c] = mul_add(scale[c], g[c], mul_add(slope[c], x[c] - centre[c], offset[c]));
  }
}

}  // namespace

template <class R>
const Kernels<R>& kernels() {
  static constexpr Kernels<R> table{moments<R>, affine<R>, gradient_sums<R>, gradient<R>};
  return table;
}
template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace ranvier::norm::RV_ISA_NAMESPACE
