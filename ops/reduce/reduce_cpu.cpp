#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"

namespace ranvier::detail {
namespace {

constexpr std::int64_t grain = 1 << 14;
// Elements of `count` that one task adds: fixed, so that results do not depend on threads.
constexpr std::int64_t row_chunk = 1 << 13;
constexpr std::int64_t column_chunk = 1 << 10;
// Results that one task keeps in the first-level cache.
constexpr std::int64_t column_block = 256;
// Partial sums of a row, enough to keep the adders busy.
constexpr std::int64_t lanes = 8;
// Words of packed spikes that are counted side by side: a cache line.
constexpr std::int64_t width = 8;

/// How a reduction is cut into tasks: for each outer index, chunks of `count` by blocks of `inner`.
struct Tiling {
  explicit Tiling(const ReducePlan& plan)
      : length(plan.inner == 1 ? row_chunk : column_chunk),
        chunks(std::max<std::int64_t>(1, (plan.count + length - 1) / length)),
        blocks((plan.inner + column_block - 1) / column_block) {}

  std::int64_t length;
  std::int64_t chunks;
  std::int64_t blocks;
};

/// One task: elements [first, last) of `count`, columns [begin, end) of `inner`.
struct Tile {
  std::int64_t outer, chunk;
  std::int64_t first, last;
  std::int64_t begin, end;
};

/// Calls `body(tile)` for every tile, on several threads.
template <class Body>
void for_each_tile(const ReducePlan& plan, const Tiling& tiling, Body body) {
  const std::int64_t elements =
      std::min(plan.count, tiling.length) * std::min(plan.inner, column_block);
  parallel_for(0, plan.outer * tiling.chunks * tiling.blocks,
               std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, elements)),
               [&](std::int64_t first_task, std::int64_t last_task) {
                 for (std::int64_t task = first_task; task < last_task; ++task) {
                   const std::int64_t block = task % tiling.blocks, rest = task / tiling.blocks;
                   const std::int64_t chunk = rest % tiling.chunks;
                   body(Tile{.outer = rest / tiling.chunks,
                             .chunk = chunk,
                             .first = chunk * tiling.length,
                             .last = std::min((chunk + 1) * tiling.length, plan.count),
                             .begin = block * column_block,
                             .end = std::min((block + 1) * column_block, plan.inner)});
                 }
               });
}

/// Calls `body(result, outer, column)` for every result, on several threads.
template <class Body>
void for_each_result(const ReducePlan& plan, std::int64_t cost, Body body) {
  parallel_for(0, plan.results(), std::max<std::int64_t>(1, grain / cost),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t result = first; result < last; ++result)
                   body(result, result / plan.inner, result % plan.inner);
               });
}

/// The sum of `term(x[i])` over a row, in `lanes` interleaved partial sums.
template <class T, class Term>
double row_sum(const T* x, std::int64_t count, Term term) {
  std::array<double, lanes> part{};
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (std::int64_t lane = 0; lane < lanes; ++lane)
      part[static_cast<std::size_t>(lane)] += term(x[i + lane]);
  for (std::int64_t lane = 0; i < count; ++i, ++lane)
    part[static_cast<std::size_t>(lane)] += term(x[i]);
  return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

/// Calls `finish(result, total)` with the sum of `term(x, result)` for every result.
template <class T, class Term, class Finish>
void sum_terms(const ReducePlan& plan, const T* x, Term term, Finish finish) {
  const Tiling tiling(plan);
  Tensor partial;
  double* partials = nullptr;
  if (tiling.chunks > 1) {
    partial = empty({plan.outer, tiling.chunks, plan.inner}, {.dtype = DType::f64});
    partials = partial.mutable_data<double>();
  }
  for_each_tile(plan, tiling, [&](const Tile& tile) {
    const T* in = x + (tile.outer * plan.count + tile.first) * plan.inner;
    const std::int64_t count = tile.last - tile.first, result = tile.outer * plan.inner;
    std::array<double, column_block> total{};
    if (plan.inner == 1)
      total[0] = row_sum(in, count, [&](T value) { return term(value, result); });
    else
      for (std::int64_t i = 0; i < count; ++i, in += plan.inner)
        for (std::int64_t c = tile.begin; c < tile.end; ++c)
          total[static_cast<std::size_t>(c - tile.begin)] += term(in[c], result + c);
    for (std::int64_t c = tile.begin; c < tile.end; ++c) {
      const double sum = total[static_cast<std::size_t>(c - tile.begin)];
      if (partials == nullptr)
        finish(result + c, sum);
      else
        partials[(tile.outer * tiling.chunks + tile.chunk) * plan.inner + c] = sum;
    }
  });
  if (partials == nullptr) return;
  for_each_result(plan, tiling.chunks,
                  [&](std::int64_t result, std::int64_t outer, std::int64_t column) {
                    double total = 0;
                    for (std::int64_t chunk = 0; chunk < tiling.chunks; ++chunk)
                      total += partials[(outer * tiling.chunks + chunk) * plan.inner + column];
                    finish(result, total);
                  });
}

/// The winner of each of up to `column_block` columns; positions are as wide as values.
template <class T>
struct Winners {
  using Position = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  std::array<T, column_block> value;
  std::array<Position, column_block> position;
};

/// The winners of `columns` columns of `count` rows, `stride` elements apart.
template <Extremum which, class T>
void scan_columns(const T* x, std::int64_t count, std::int64_t stride, std::int64_t columns,
                  Winners<T>& winners) {
  T* __restrict value = winners.value.data();
  auto* __restrict position = winners.position.data();
  std::copy_n(x, columns, value);
  std::fill_n(position, columns, 0);
  for (std::int64_t i = 1; i < count; ++i) {
    const T* __restrict row = x + i * stride;
    const auto here = static_cast<typename Winners<T>::Position>(i);
#pragma omp simd
    for (std::int64_t c = 0; c < columns; ++c) {
      const T rival = row[c];
      const bool wins = beats<which>(rival, value[c]);
      value[c] = wins ? rival : value[c];
      position[c] = wins ? here : position[c];
    }
  }
}

/// The position of the winner of a row, found as that of `lanes` columns and the rest.
template <Extremum which, class T>
std::int64_t scan_row(const T* x, std::int64_t count) {
  std::int64_t winner = 0;
  if (const std::int64_t rows = count / lanes; rows > 0) {
    Winners<T> winners;
    scan_columns<which>(x, rows, lanes, lanes, winners);
    winner = winners.position[0] * lanes;
    for (std::int64_t lane = 1; lane < lanes; ++lane) {
      const std::int64_t rival = winners.position[static_cast<std::size_t>(lane)] * lanes + lane;
      const bool equal = !beats<which>(x[winner], x[rival]);
      if (beats<which>(x[rival], x[winner]) || (equal && rival < winner)) winner = rival;
    }
  }
  for (std::int64_t i = count / lanes * lanes; i < count; ++i)
    if (beats<which>(x[i], x[winner])) winner = i;
  return winner;
}

template <Extremum which, class T>
void find_extrema(const ReducePlan& plan, const T* x, T* values, std::int64_t* positions) {
  const Tiling tiling(plan);
  Tensor value_parts, position_parts;
  T* value_out = values;
  std::int64_t* position_out = positions;
  if (tiling.chunks > 1) {
    const Shape shape{plan.outer, tiling.chunks, plan.inner};
    value_parts = empty(shape, {.dtype = dtype_of<T>});
    position_parts = empty(shape, {.dtype = DType::i64});
    value_out = value_parts.mutable_data<T>();
    position_out = position_parts.mutable_data<std::int64_t>();
  }
  for_each_tile(plan, tiling, [&](const Tile& tile) {
    const std::int64_t out = (tile.outer * tiling.chunks + tile.chunk) * plan.inner;
    const T* in = x + (tile.outer * plan.count + tile.first) * plan.inner;
    if (plan.inner == 1) {
      const std::int64_t winner = scan_row<which>(in, tile.last - tile.first);
      value_out[out] = in[winner];
      position_out[out] = tile.first + winner;
      return;
    }
    Winners<T> winners;
    const std::int64_t columns = tile.end - tile.begin;
    scan_columns<which>(in + tile.begin, tile.last - tile.first, plan.inner, columns, winners);
    std::copy_n(winners.value.data(), columns, value_out + out + tile.begin);
    for (std::int64_t c = 0; c < columns; ++c)
      position_out[out + tile.begin + c] =
          tile.first + winners.position[static_cast<std::size_t>(c)];
  });
  if (tiling.chunks == 1) return;
  for_each_result(
      plan, tiling.chunks, [&](std::int64_t result, std::int64_t outer, std::int64_t column) {
        std::int64_t winner = outer * tiling.chunks * plan.inner + column;
        for (std::int64_t chunk = 1; chunk < tiling.chunks; ++chunk) {
          const std::int64_t rival = (outer * tiling.chunks + chunk) * plan.inner + column;
          if (beats<which>(value_out[rival], value_out[winner])) winner = rival;
        }
        values[result] = value_out[winner];
        positions[result] = position_out[winner];
      });
}

/// Bits 0 to 7 of `bits` as eight bytes of 0 or 1.
std::uint64_t bits_to_bytes(std::uint64_t bits) {
  const std::uint64_t one_each = ((bits & 0xff) * 0x0101010101010101u) & 0x8040201008040201u;
  return ((one_each + 0x7f7f7f7f7f7f7f7fu) >> 7) & 0x0101010101010101u;
}

/// Counts the spikes of `words` words, at most `width`, over `steps` rows of `stride` words. Each
/// bit has an eight-bit counter whose digits lie in eight words, so that one addition serves 64
/// spikes; the counters are emptied into `counts`, 64 for each word, before they overflow.
void count_words(std::int64_t steps, std::int64_t stride, std::int64_t words,
                 const std::uint64_t* x, std::int64_t* counts) {
  std::fill_n(counts, words * 64, 0);
  for (std::int64_t first = 0; first < steps; first += 255) {
    std::uint64_t digits[8][width] = {};
    const std::int64_t last = std::min<std::int64_t>(first + 255, steps);
    int used = 0;
    for (std::int64_t step = first; step < last; ++step) {
      used = std::bit_width(static_cast<std::uint64_t>(step - first + 1));
      std::uint64_t carry[width] = {};
      std::copy_n(x + step * stride, words, carry);
      for (int digit = 0; digit < used; ++digit)
        for (std::int64_t word = 0; word < width; ++word) {
          const std::uint64_t next = digits[digit][word] & carry[word];
          digits[digit][word] ^= carry[word];
          carry[word] = next;
        }
    }
    for (std::int64_t group = 0; group < words * 8; ++group) {
      std::uint64_t bytes = 0;
      for (int digit = 0; digit < used; ++digit)
        bytes += bits_to_bytes(digits[digit][group / 8] >> (group % 8 * 8)) << digit;
      for (int bit = 0; bit < 8; ++bit)
        counts[group * 8 + bit] += static_cast<std::int64_t>(bytes >> (8 * bit) & 0xff);
    }
  }
}

template <class T, class Y>
void sum_of(const ReducePlan& plan, const T* x, double divisor, Y* y) {
  sum_terms(
      plan, x, [](T value, std::int64_t) { return static_cast<double>(value); },
      [=](std::int64_t result, double total) { y[result] = static_cast<Y>(total / divisor); });
}

void sum_cpu(const char* op, const ReducePlan& plan, const Tensor& x, double divisor, Tensor& y) {
  visit_real(op, x.dtype(), [&]<class T>(Type<T>) {
    visit_real(op, y.dtype(),
               [&]<class Y>(Type<Y>) { sum_of(plan, x.data<T>(), divisor, y.mutable_data<Y>()); });
  });
}

template <class T>
void squares_of(const ReducePlan& plan, const T* x, const double* means, double divisor, T* y) {
  sum_terms(
      plan, x,
      [=](T value, std::int64_t result) {
        const double distance = static_cast<double>(value) - means[result];
        return distance * distance;
      },
      [=](std::int64_t result, double total) { y[result] = static_cast<T>(total / divisor); });
}

void squares_cpu(const ReducePlan& plan, const Tensor& x, const Tensor& means, double divisor,
                 Tensor& y) {
  visit_real("var", x.dtype(), [&]<class T>(Type<T>) {
    squares_of(plan, x.data<T>(), means.data<double>(), divisor, y.mutable_data<T>());
  });
}

template <class T>
void squares_gradient(const ReducePlan& plan, const T* x, const double* means, double divisor,
                      const T* gy, T* gx) {
  const std::int64_t count = std::max<std::int64_t>(1, plan.count);
  parallel_for(0, plan.outer * plan.count,
               std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, plan.inner)),
               [=](std::int64_t first, std::int64_t last) {
                 for (std::int64_t row = first; row < last; ++row) {
                   const std::int64_t result = row / count * plan.inner;
                   for (std::int64_t c = 0; c < plan.inner; ++c) {
                     const double distance =
                         static_cast<double>(x[row * plan.inner + c]) - means[result + c];
                     gx[row * plan.inner + c] = static_cast<T>(2 * distance / divisor *
                                                               static_cast<double>(gy[result + c]));
                   }
                 }
               });
}

void squares_backward_cpu(const ReducePlan& plan, const Tensor& x, const Tensor& means,
                          double divisor, const Tensor& gy, Tensor& gx) {
  visit_real("var", x.dtype(), [&]<class T>(Type<T>) {
    squares_gradient(plan, x.data<T>(), means.data<double>(), divisor, gy.data<T>(),
                     gx.mutable_data<T>());
  });
}

void extremum_cpu(const char* op, const ReducePlan& plan, Extremum which, const Tensor& x,
                  Tensor& values, Tensor& positions) {
  visit_real(op, x.dtype(), [&]<class T>(Type<T>) {
    auto* const find = which == Extremum::largest ? find_extrema<Extremum::largest, T>
                                                  : find_extrema<Extremum::smallest, T>;
    find(plan, x.data<T>(), values.mutable_data<T>(), positions.mutable_data<std::int64_t>());
  });
}

void extremum_backward_cpu(const char* op, const ReducePlan& plan, const Tensor& positions,
                           const Tensor& gy, Tensor& gx) {
  const auto* position = positions.data<std::int64_t>();
  visit_real(op, gx.dtype(), [&]<class T>(Type<T>) {
    const T* in = gy.data<T>();
    T* out = gx.mutable_data<T>();
    for (std::int64_t result = 0; result < plan.results(); ++result) {
      const std::int64_t outer = result / plan.inner, column = result % plan.inner;
      out[(outer * plan.count + position[result]) * plan.inner + column] = in[result];
    }
  });
}

void count_spikes_cpu(const char* /*op*/, const Tensor& spikes, double divisor, Tensor& rates) {
  const std::int64_t steps = spikes.size(0), columns = spikes.size(-1);
  const std::int64_t rows = spikes.shape().sub(1, spikes.rank() - 1).numel();
  const auto* x = spikes.data<std::uint64_t>();
  float* y = rates.mutable_data<float>();
  const std::int64_t row_words = words_per_row(columns), words = rows * row_words;
  const std::int64_t groups = (words + width - 1) / width;
  const std::int64_t cost = width * (steps + 64);
  parallel_for(0, groups, std::max<std::int64_t>(1, grain / cost),
               [=](std::int64_t first, std::int64_t last) {
                 std::array<std::int64_t, width * 64> counts;
                 for (std::int64_t group = first; group < last; ++group) {
                   const std::int64_t begin = group * width, end = std::min(begin + width, words);
                   count_words(steps, words, end - begin, x + begin, counts.data());
                   for (std::int64_t word = begin; word < end; ++word) {
                     const std::int64_t column = word % row_words * 64;
                     const std::int64_t used = std::min<std::int64_t>(64, columns - column);
                     const std::int64_t* count = counts.data() + (word - begin) * 64;
                     float* out = y + word / row_words * columns + column;
                     for (std::int64_t bit = 0; bit < used; ++bit)
                       out[bit] = static_cast<float>(static_cast<double>(count[bit]) / divisor);
                   }
                 }
               });
}

}  // namespace

constinit DeviceKernels<SumKernel> sum_kernels{.cpu = sum_cpu};
constinit DeviceKernels<SquaresKernel> squares_kernels{.cpu = squares_cpu};
constinit DeviceKernels<SquaresBackwardKernel> squares_backward_kernels{.cpu =
                                                                            squares_backward_cpu};
constinit DeviceKernels<ExtremumKernel> extremum_kernels{.cpu = extremum_cpu};
constinit DeviceKernels<ExtremumBackwardKernel> extremum_backward_kernels{
    .cpu = extremum_backward_cpu};
constinit DeviceKernels<CountSpikesKernel> count_spikes_kernels{.cpu = count_spikes_cpu};

}  // namespace ranvier::detail
