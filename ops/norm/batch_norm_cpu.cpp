#include <algorithm>
#include <vector>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/norm/detail/batch_norm_kernels.h"

namespace ranvier::norm {
namespace {

// Sums are taken of chunks of this many values and added up in order, so that they do not depend
// on the number of threads.
constexpr std::int64_t chunk_values = 1 << 16;

// Rows with fewer channels are taken several at once, side by side, to fill vectors.
constexpr std::int64_t narrow = 128;

template <class R>
const Kernels<R>& kernels() {
  return pick_isa(isa_v2::kernels<R>(), isa_v3::kernels<R>(), isa_v4::kernels<R>());
}

// x [groups, rows, channels] in chunks of wide rows; the last chunk of a group may end with a few
// plain rows.
struct Chunks {
  explicit Chunks(const Extent& e) : extent(e) {
    fold = std::min(narrow / std::max<std::int64_t>(e.channels, 1), e.rows);
    fold = std::max<std::int64_t>(fold, 1);
    columns = fold * e.channels;
    const std::int64_t wide_rows = chunk_values / std::max<std::int64_t>(columns, 1);
    rows = std::max<std::int64_t>(8, wide_rows) * fold;
    per_group = (e.rows + rows - 1) / rows;
  }

  Extent extent;
  std::int64_t fold;       // rows of x in a wide row
  std::int64_t columns;    // values in a wide row
  std::int64_t rows;       // rows of x in a chunk
  std::int64_t per_group;  // chunks in a group

  // Calls body(chunk, group, offset into x, rows, columns) in parallel over chunks: once for the
  // wide rows of a chunk and once for the rest, if there is any.
  template <class Body>
  void for_each(Body body) const {
    parallel_for(0, extent.groups * per_group, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk) {
        const std::int64_t group = chunk / per_group;
        const std::int64_t first = chunk % per_group * rows;
        const std::int64_t count = std::min(rows, extent.rows - first);
        const std::int64_t offset = (group * extent.rows + first) * extent.channels;
        const std::int64_t wide = count / fold, rest = count % fold;
        body(chunk, group, offset, wide, columns);
        if (rest > 0) body(chunk, group, offset + wide * columns, rest, extent.channels);
      }
    });
  }

  // Coefficients [groups, channels] repeated for wide rows: [groups, columns].
  template <class R>
  std::vector<R> widen(const R* values) const {
    std::vector<R> wide(static_cast<std::size_t>(extent.groups * columns));
    auto out = wide.begin();
    for (std::int64_t group = 0; group < extent.groups; ++group, values += extent.channels)
      for (std::int64_t i = 0; i < fold; ++i) out = std::copy_n(values, extent.channels, out);
    return wide;
  }

  // first, second [groups, channels] = what `body(group, offset, rows, columns, a, b)` adds to a
  // and b [columns], over all chunks.
  template <class Body>
  void sum(Body body, double* first, double* second) const {
    Tensor sums = zeros({extent.groups * per_group, 2, columns}, {.dtype = DType::f64});
    auto* partials = sums.mutable_data<double>();
    for_each([&](std::int64_t chunk, std::int64_t group, std::int64_t offset, std::int64_t count,
                 std::int64_t width) {
      double* partial = partials + chunk * 2 * columns;
      body(group, offset, count, width, partial, partial + columns);
    });
    std::fill_n(first, extent.groups * extent.channels, 0.0);
    std::fill_n(second, extent.groups * extent.channels, 0.0);
    const double* partial = partials;
    for (std::int64_t chunk = 0; chunk < extent.groups * per_group; ++chunk) {
      const std::int64_t base = chunk / per_group * extent.channels;
      for (double* total : {first, second})
        for (std::int64_t i = 0; i < fold; ++i)
          for (std::int64_t c = 0; c < extent.channels; ++c) total[base + c] += *partial++;
    }
  }
};

}  // namespace

template <class R>
void moments(const Extent& extent, const R* x, const R* origin, double* sum, double* square) {
  const Chunks chunks(extent);
  const std::vector<R> wide_origin = chunks.widen(origin);
  chunks.sum(
      [&](std::int64_t group, std::int64_t offset, std::int64_t rows, std::int64_t columns,
          double* a, double* b) {
        const R* at = wide_origin.data() + group * chunks.columns;
        kernels<R>().moments(x + offset, rows, columns, at, a, b);
      },
      sum, square);
}

template <class R>
void gradient_sums(const Extent& extent, const R* g, const R* x, const R* centre, double* sum_grad,
                   double* sum_grad_x) {
  const Chunks chunks(extent);
  const std::vector<R> wide_centre = chunks.widen(centre);
  chunks.sum(
      [&](std::int64_t group, std::int64_t offset, std::int64_t rows, std::int64_t columns,
          double* a, double* b) {
        const R* at = wide_centre.data() + group * chunks.columns;
        kernels<R>().gradient_sums(g + offset, x + offset, rows, columns, at, a, b);
      },
      sum_grad, sum_grad_x);
}

template <class R>
void affine(const Extent& extent, const R* x, const R* scale, const R* shift, R* y) {
  const Chunks chunks(extent);
  const std::vector<R> wide_scale = chunks.widen(scale), wide_shift = chunks.widen(shift);
  chunks.for_each([&](std::int64_t, std::int64_t group, std::int64_t offset, std::int64_t rows,
                      std::int64_t columns) {
    const std::int64_t at = group * chunks.columns;
    kernels<R>().affine(x + offset, rows, columns, wide_scale.data() + at, wide_shift.data() + at,
                        y + offset);
  });
}

template <class R>
void gradient(const Extent& extent, const R* g, const R* x, const R* scale, const R* slope,
              const R* centre, const R* offset, R* gx) {
  const Chunks chunks(extent);
  const std::vector<R> a = chunks.widen(scale), b = chunks.widen(slope);
  const std::vector<R> c = chunks.widen(centre), d = chunks.widen(offset);
  chunks.for_each([&](std::int64_t, std::int64_t group, std::int64_t begin, std::int64_t rows,
                      std::int64_t columns) {
    const std::int64_t at = group * chunks.columns;
    kernels<R>().gradient(g + begin, x + begin, rows, columns, a.data() + at, b.data() + at,
                          c.data() + at, d.data() + at, gx + begin);
  });
}

template void moments(const Extent&, const float*, const float*, double*, double*);
template void moments(const Extent&, const double*, const double*, double*, double*);
template void gradient_sums(const Extent&, const float*, const float*, const float*, double*,
                            double*);
template void gradient_sums(const Extent&, const double*, const double*, const double*, double*,
                            double*);
template void affine(const Extent&, const float*, const float*, const float*, float*);
template void affine(const Extent&, const double*, const double*, const double*, double*);
template void gradient(const Extent&, const float*, const float*, const float*, const float*,
                       const float*, const float*, float*);
template void gradient(const Extent&, const double*, const double*, const double*, const double*,
                       const double*, const double*, double*);

}  // namespace ranvier::norm
