#include <algorithm>
#include <array>
#include <cstring>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/shape/detail/bit_rows.h"
#include "ranvier/ops/shape/detail/layout.h"
#include "ranvier/ops/shape/detail/strided_axes.h"

namespace ranvier::detail {
namespace {

constexpr std::int64_t grain_bytes = 1 << 16;

std::int64_t grain_for(std::int64_t bytes_each) {
  return std::max<std::int64_t>(1, grain_bytes / std::max<std::int64_t>(1, bytes_each));
}

std::size_t size(std::int64_t bytes) { return static_cast<std::size_t>(bytes); }

/// Walks the source offsets of a multi-index in row order.
class Odometer {
 public:
  Odometer(const std::vector<StridedAxis>& axes, std::int64_t start) : axes_(axes) {
    for (auto axis = static_cast<int>(axes.size()) - 1; axis >= 0; --axis) {
      const auto [extent, stride] = axes[size(axis)];
      index_[size(axis)] = start % extent;
      offset_ += start % extent * stride;
      start /= extent;
    }
  }

  std::int64_t offset() const { return offset_; }

  void advance() {
    for (auto axis = static_cast<int>(axes_.size()) - 1; axis >= 0; --axis) {
      const auto [extent, stride] = axes_[size(axis)];
      offset_ += stride;
      if (++index_[size(axis)] < extent) return;
      offset_ -= extent * stride;
      index_[size(axis)] = 0;
    }
  }

 private:
  const std::vector<StridedAxis>& axes_;
  std::array<std::int64_t, Shape::max_rank> index_{};
  std::int64_t offset_ = 0;
};

/// Runs of the innermost axis lie together in the source, or repeat one element.
template <class Word>
void copy_runs(std::vector<StridedAxis> axes, Word* to, const Word* from) {
  const StridedAxis run = axes.back();
  axes.pop_back();
  const auto bytes = run.extent * static_cast<std::int64_t>(sizeof(Word));
  parallel_for(0, product(axes), grain_for(bytes), [&](std::int64_t first, std::int64_t last) {
    Odometer at(axes, first);
    for (std::int64_t row = first; row < last; ++row, at.advance()) {
      if (run.stride == 1)
        std::memcpy(to + row * run.extent, from + at.offset(), size(bytes));
      else
        std::fill_n(to + row * run.extent, run.extent, from[at.offset()]);
    }
  });
}

constexpr std::int64_t tile = 32;

/// Transposes a tile. Source and result may both be strided by a power of two, whose lines evict
/// each other; so each line is read at once, and written at once, by way of a buffer. The next
/// tile's lines, too far apart for the processor to foresee, are asked for in time.
template <class Word>
void copy_tile(std::int64_t rows, std::int64_t columns, std::int64_t from_stride, const Word* from,
               std::int64_t to_stride, Word* to) {
  Word buffer[tile][tile];
  for (std::int64_t column = 0; column < columns; ++column) {
    const Word* source = from + column * from_stride;
    __builtin_prefetch(source + tile * from_stride);
    __builtin_prefetch(source + tile * from_stride + tile / 2);
    for (std::int64_t row = 0; row < rows; ++row) buffer[row][column] = source[row];
  }
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(buffer[row], columns, to + row * to_stride);
}

/// The matrices are copied in tiles that stay in the cache.
template <class Word>
void copy_tiles(const Transposition& matrices, Word* to, const Word* from) {
  const StridedAxis rows = matrices.rows, columns = matrices.columns;
  const std::int64_t to_row_stride = matrices.to_row_stride;
  const std::int64_t bands = (rows.extent + tile - 1) / tile;
  const auto band_bytes = tile * columns.extent * static_cast<std::int64_t>(sizeof(Word));
  parallel_for(0, product(matrices.source) * bands, grain_for(band_bytes),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t task = first; task < last; ++task) {
                   const Word* in = from + Odometer(matrices.source, task / bands).offset();
                   Word* out = to + Odometer(matrices.target, task / bands).offset();
                   const std::int64_t row_begin = task % bands * tile;
                   const std::int64_t row_end = std::min(row_begin + tile, rows.extent);
                   for (std::int64_t begin = 0; begin < columns.extent; begin += tile) {
                     const std::int64_t end = std::min(begin + tile, columns.extent);
                     copy_tile(row_end - row_begin, end - begin, columns.stride,
                               in + row_begin + begin * columns.stride, to_row_stride,
                               out + row_begin * to_row_stride + begin);
                   }
                 }
               });
}

template <class Word>
void strided_copy(std::vector<StridedAxis> axes, std::byte* to_bytes, const std::byte* from_bytes) {
  auto* to = reinterpret_cast<Word*>(to_bytes);
  const auto* from = reinterpret_cast<const Word*>(from_bytes);
  if (const auto matrices = transposition(axes)) return copy_tiles(*matrices, to, from);
  if (axes.empty() || axes.back().stride > 1) axes.push_back({1, 1});
  copy_runs(std::move(axes), to, from);
}

/// Writes a row bit by bit group, lowest bit first.
class RowWriter {
 public:
  explicit RowWriter(std::uint64_t* row) : next_(row) {}

  /// Appends the lowest `count` bits of `value`, whose other bits are zero; 1 <= count <= 64.
  void append(std::uint64_t value, std::int64_t count) {
    pending_ |= value << filled_;
    if (filled_ + count < 64) {
      filled_ += count;
      return;
    }
    *next_++ = pending_;
    pending_ = filled_ == 0 ? 0 : value >> (64 - filled_);
    filled_ += count - 64;
  }

  void finish() {
    if (filled_ > 0) *next_ = pending_;
  }

 private:
  std::uint64_t* next_;
  std::uint64_t pending_ = 0;
  std::int64_t filled_ = 0;
};

void copy_rows(const char* /*op*/, Device /*device*/, const RowCopy& copy, std::byte* to,
               const std::byte* from) {
  // A long row is cut, so that one row, too, is copied by all threads.
  const std::int64_t pieces = std::max<std::int64_t>(1, copy.bytes / grain_bytes);
  parallel_for(0, copy.rows * pieces, grain_for(copy.bytes / pieces),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t task = first; task < last; ++task) {
                   const std::int64_t row = task / pieces, piece = task % pieces;
                   const std::int64_t begin = copy.bytes * piece / pieces;
                   const std::int64_t end = copy.bytes * (piece + 1) / pieces;
                   std::memcpy(to + row * copy.to_stride + begin,
                               from + row * copy.from_stride + begin, size(end - begin));
                 }
               });
}

void copy_strided(const char* op, Device /*device*/, const std::vector<StridedAxis>& axes,
                  std::int64_t element, std::byte* to, const std::byte* from) {
  if (product(axes) == 0) return;
  const std::vector<StridedAxis> simple = simplified(axes);
  switch (element) {
    case 1:
      return strided_copy<std::uint8_t>(simple, to, from);
    case 2:
      return strided_copy<std::uint16_t>(simple, to, from);
    case 4:
      return strided_copy<std::uint32_t>(simple, to, from);
    case 8:
      return strided_copy<std::uint64_t>(simple, to, from);
    default:
      RV_ASSERT(false, "[{}] elements of {} bytes", op, element);
  }
}

/// Whole words are shifted into place, so that it costs about an instruction or two per 64-bit word
/// or row, whichever are more.
void repack(const Tensor& x, Tensor& y) {
  const std::int64_t from_columns = packed_columns(x.shape()),
                     to_columns = packed_columns(y.shape());
  const auto* from = x.data<std::uint64_t>();
  auto* to = y.mutable_data<std::uint64_t>();
  const std::int64_t from_words = words_per_row(from_columns);
  const std::int64_t to_words = words_per_row(to_columns);
  const std::int64_t row_cost = 8 * (to_words + to_columns / from_columns);
  parallel_for(
      0, x.numel() / to_columns, grain_for(row_cost), [&](std::int64_t first, std::int64_t last) {
        const std::uint64_t* in = from + first * to_columns / from_columns * from_words;
        std::int64_t column = first * to_columns % from_columns;
        for (std::int64_t row = first; row < last; ++row) {
          RowWriter out(to + row * to_words);
          for (std::int64_t left = to_columns; left > 0;) {
            const std::int64_t taken = std::min({left, from_columns - column, std::int64_t{64}});
            out.append(read_bits(in, column, taken), taken);
            left -= taken;
            column += taken;
            if (column == from_columns) {
              column = 0;
              in += from_words;
            }
          }
          out.finish();
        }
      });
}

void gather(const Tensor& x, const Tensor& indices, Tensor& y) {
  const std::int64_t row_bytes = layout_of(x.shape(), x.dtype()).stride(0);
  const auto* index = indices.data<std::int64_t>();
  const std::byte* from = x.raw_data();
  std::byte* to = y.mutable_raw_data();
  parallel_for(
      0, indices.numel(), grain_for(row_bytes), [=](std::int64_t first, std::int64_t last) {
        for (std::int64_t row = first; row < last; ++row)
          std::memcpy(to + row * row_bytes, from + index[row] * row_bytes, size(row_bytes));
      });
}

/// Threads share out the columns, never the rows, so that gradients of one row add up in order.
void scatter_add(const Tensor& gy, const Tensor& indices, Tensor& gx) {
  const std::int64_t columns = gx.shape().sub(1, gx.rank()).numel();
  const auto* index = indices.data<std::int64_t>();
  visit_real("index_select", gy.dtype(), [&]<class T>(Type<T>) {
    const T* in = gy.data<T>();
    T* out = gx.mutable_data<T>();
    parallel_for(0, columns, 256, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = 0; i < indices.numel(); ++i)
        for (std::int64_t column = first; column < last; ++column)
          out[index[i] * columns + column] += in[i * columns + column];
    });
  });
}

}  // namespace

constinit DeviceKernels<RowCopyKernel> row_copy_kernels{.cpu = copy_rows};
constinit DeviceKernels<StridedCopyKernel> strided_copy_kernels{.cpu = copy_strided};
constinit DeviceKernels<RepackKernel> repack_kernels{.cpu = repack};
constinit DeviceKernels<GatherKernel> gather_kernels{.cpu = gather};
constinit DeviceKernels<ScatterAddKernel> scatter_add_kernels{.cpu = scatter_add};

}  // namespace ranvier::detail
