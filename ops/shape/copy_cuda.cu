// Moves of elements on a CUDA device: as words of up to 16 bytes, whatever they hold.
//
// A thread writes neighbours of the result, or several words a block apart where words are small,
// so that enough of them are in flight. A transposed matrix goes through shared memory in tiles, so
// that lines are read and written whole.
#include <cstring>

#include "ranvier/core/detail/cuda_index.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/shape/detail/layout.h"
#include "ranvier/ops/shape/detail/strided_axes.h"

namespace ranvier::detail {
namespace {

using cuda::block_threads;
using cuda::divide;
using cuda::Division;
using cuda::Grid;

/// The widest word that divides every one of `bytes` and the addresses.
std::int64_t word_bytes(std::initializer_list<std::int64_t> bytes,
                        std::initializer_list<const void*> addresses) {
  std::int64_t together = 16;
  for (const std::int64_t each : bytes) together |= each;
  for (const void* address : addresses) together |= reinterpret_cast<std::intptr_t>(address);
  return together & -together;
}

template <class Body>
void visit_word(std::int64_t bytes, Body&& body) {
  switch (bytes) {
    case 1:
      return body(Type<std::uint8_t>{});
    case 2:
      return body(Type<std::uint16_t>{});
    case 4:
      return body(Type<std::uint32_t>{});
    case 8:
      return body(Type<std::uint64_t>{});
    default:
      return body(Type<uint4>{});
  }
}

/// Words of a thread, a block apart.
template <class Word>
inline constexpr int words_each = sizeof(Word) == 16 ? 1 : 4;

template <class Word>
Grid grid_of_words(std::int64_t words) {
  constexpr std::int64_t per_block = block_threads * words_each<Word>;
  return {static_cast<unsigned>((words + per_block - 1) / per_block), block_threads};
}

/// to[target(i)] = source(i) for the words of a thread; all are read before one is written.
template <class Word, class Source, class Target>
__device__ __forceinline__ void move_words(std::int64_t count, Word* to, const Source& source,
                                           const Target& target) {
  constexpr int each = words_each<Word>;
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * (block_threads * each) + threadIdx.x;
  Word words[each];
#pragma unroll
  for (int k = 0; k < each; ++k)
    if (first + k * block_threads < count) words[k] = source(first + k * block_threads);
#pragma unroll
  for (int k = 0; k < each; ++k)
    if (first + k * block_threads < count) to[target(first + k * block_threads)] = words[k];
}

// --- rows
// -----------------------------------------------------------------------------------------

/// `RowCopy` in words.
struct WordRows {
  std::int64_t words, to_stride, from_stride;
};

template <class Word>
__global__ void __launch_bounds__(block_threads)
    move_rows(std::int64_t count, const WordRows rows, Word* to, const Word* from) {
  move_words(
      count, to,
      [=](std::int64_t i) {
        const Division at = divide(i, rows.words);
        return from[at.quotient * rows.from_stride + at.remainder];
      },
      [=](std::int64_t i) {
        const Division at = divide(i, rows.words);
        return at.quotient * rows.to_stride + at.remainder;
      });
}

void copy_rows(const char* op, Device device, const RowCopy& copy, std::byte* to,
               const std::byte* from) {
  if (copy.rows * copy.bytes == 0) return;
  // The strides of a single row are none.
  const std::int64_t strides = copy.rows > 1 ? copy.to_stride | copy.from_stride : 0;
  const std::int64_t bytes = word_bytes({copy.bytes, strides}, {to, from});
  const WordRows rows{copy.bytes / bytes, copy.to_stride / bytes, copy.from_stride / bytes};
  visit_word(bytes, [&]<class Word>(Type<Word>) {
    const std::int64_t count = copy.rows * rows.words;
    cuda::launch(op, device, grid_of_words<Word>(count), move_rows<Word>, count, rows,
                 reinterpret_cast<Word*>(to), reinterpret_cast<const Word*>(from));
  });
}

// --- strided axes
// ---------------------------------------------------------------------------------

/// Axes as a kernel takes them.
struct Walk {
  explicit Walk(const std::vector<StridedAxis>& axes) : rank(static_cast<int>(axes.size())) {
    for (int k = 0; k < rank; ++k) axis[k] = axes[static_cast<std::size_t>(k)];
  }

  /// Where the source is when the result is at `i`.
  __device__ __forceinline__ std::int64_t offset(std::int64_t i) const {
    std::int64_t at = 0;
    for (int k = rank - 1; k > 0; --k) {
      const Division place = divide(i, axis[k].extent);
      at += place.remainder * axis[k].stride;
      i = place.quotient;
    }
    return rank == 0 ? 0 : at + i * axis[0].stride;
  }

  int rank;
  StridedAxis axis[Shape::max_rank];
};

template <class Word>
__global__ void __launch_bounds__(block_threads)
    move_strided(std::int64_t count, const Walk walk, Word* to, const Word* from) {
  move_words(
      count, to, [&](std::int64_t i) { return from[walk.offset(i)]; },
      [](std::int64_t i) { return i; });
}

/// Runs of the innermost axis that lie together are moved as wider words, so `axes` may change.
void move_runs(const char* op, Device device, std::vector<StridedAxis> axes, std::int64_t element,
               std::byte* to, const std::byte* from) {
  std::int64_t bytes = element;
  if (!axes.empty() && axes.back().stride == 1) {
    std::int64_t together = axes.back().extent * element;
    for (std::size_t k = 0; k + 1 < axes.size(); ++k) together |= axes[k].stride * element;
    bytes = word_bytes({together}, {to, from});
    for (StridedAxis& axis : axes) axis.stride = axis.stride * element / bytes;
    axes.back() = {axes.back().extent * element / bytes, 1};
  }
  const std::int64_t count = product(axes);
  visit_word(bytes, [&]<class Word>(Type<Word>) {
    cuda::launch(op, device, grid_of_words<Word>(count), move_strided<Word>, count, Walk(axes),
                 reinterpret_cast<Word*>(to), reinterpret_cast<const Word*>(from));
  });
}

constexpr int tile = 32;

/// The matrices of a `Transposition` as a kernel takes them.
struct Matrices {
  explicit Matrices(const Transposition& from)
      : rows(from.rows.extent),
        columns(from.columns.extent),
        from_stride(from.columns.stride),
        to_stride(from.to_row_stride),
        row_tiles((rows + tile - 1) / tile),
        column_tiles((columns + tile - 1) / tile),
        source(from.source),
        target(from.target) {}

  std::int64_t rows, columns, from_stride, to_stride;
  std::int64_t row_tiles, column_tiles;
  Walk source, target;
};

template <class Word>
__global__ void __launch_bounds__(block_threads)
    move_tiles(const Matrices matrices, Word* to, const Word* from) {
  __shared__ Word buffer[tile][tile + 1];  // neither rows nor columns share a bank
  const Division by_column = divide(blockIdx.x, matrices.column_tiles);
  const Division by_row = divide(by_column.quotient, matrices.row_tiles);
  const std::int64_t row = by_row.remainder * tile, column = by_column.remainder * tile;
  from += matrices.source.offset(by_row.quotient);
  to += matrices.target.offset(by_row.quotient);
  constexpr int step = block_threads / tile;
  const int along = static_cast<int>(threadIdx.x) % tile;
  const int start = static_cast<int>(threadIdx.x) / tile;
#pragma unroll
  for (int k = start; k < tile; k += step)
    if (row + along < matrices.rows && column + k < matrices.columns)
      buffer[k][along] = from[row + along + (column + k) * matrices.from_stride];
  __syncthreads();
#pragma unroll
  for (int k = start; k < tile; k += step)
    if (row + k < matrices.rows && column + along < matrices.columns)
      to[(row + k) * matrices.to_stride + column + along] = buffer[along][k];
}

/// Narrower matrices would leave tiles empty.
constexpr std::int64_t least_side = 8;

void copy_strided(const char* op, Device device, const std::vector<StridedAxis>& axes,
                  std::int64_t element, std::byte* to, const std::byte* from) {
  if (product(axes) == 0) return;
  const std::vector<StridedAxis> simple = simplified(axes);
  const std::optional<Transposition> found = transposition(simple);
  if (!found || found->rows.extent < least_side || found->columns.extent < least_side)
    return move_runs(op, device, simple, element, to, from);
  const Matrices matrices(*found);
  const std::int64_t blocks = product(found->source) * matrices.row_tiles * matrices.column_tiles;
  visit_word(element, [&]<class Word>(Type<Word>) {
    if constexpr (sizeof(Word) <= 8)
      cuda::launch(op, device, {static_cast<unsigned>(blocks), block_threads}, move_tiles<Word>,
                   matrices, reinterpret_cast<Word*>(to), reinterpret_cast<const Word*>(from));
  });
}

// --- chosen rows
// ----------------------------------------------------------------------------------

/// Row `indices[i]`, or `missing` everywhere if there is no such row.
template <class Word>
__global__ void __launch_bounds__(block_threads)
    move_chosen(std::int64_t count, std::int64_t words, std::int64_t rows,
                const std::int64_t* indices, Word* to, const Word* from, const Word missing) {
  move_words(
      count, to,
      [=](std::int64_t i) {
        const Division at = divide(i, words);
        const std::int64_t row = indices[at.quotient];
        return row >= 0 && row < rows ? from[row * words + at.remainder] : missing;
      },
      [](std::int64_t i) { return i; });
}

void gather(const Tensor& x, const Tensor& indices, Tensor& y) {
  constexpr const char* op = "index_select";
  if (y.numel() == 0) return;
  const auto* index = cuda::elements<std::int64_t>(op, indices);
  const std::int64_t row_bytes = layout_of(x.shape(), x.dtype()).stride(0);
  std::byte* const to = y.mutable_raw_data();
  const std::int64_t bytes = word_bytes({row_bytes}, {to, x.raw_data()});
  visit_word(bytes, [&]<class Word>(Type<Word>) {
    Word missing;  // all ones are NaN in every floating dtype
    std::memset(&missing, is_floating(x.dtype()) ? 0xff : 0, sizeof(missing));
    const std::int64_t words = row_bytes / bytes, count = indices.numel() * words;
    cuda::launch(op, x.device(), grid_of_words<Word>(count), move_chosen<Word>, count, words,
                 x.size(0), index, reinterpret_cast<Word*>(to),
                 reinterpret_cast<const Word*>(x.raw_data()), missing);
  });
}

/// Blocks are numbered [indices, columns / threads]. The block at the first place of an index adds
/// for all of its places, in their order: the cost grows with the square of their number, which is
/// a batch's, and nothing depends on how many rows there are to choose from.
template <class T>
__global__ void __launch_bounds__(block_threads)
    add_rows(std::int64_t places, std::int64_t columns, std::int64_t rows,
             const std::int64_t* indices, const T* gy, T* gx) {
  const Division at = divide(blockIdx.x, (columns + block_threads - 1) / block_threads);
  const std::int64_t row = indices[at.quotient];
  if (row < 0 || row >= rows) return;
  for (std::int64_t i = 0; i < at.quotient; ++i)
    if (indices[i] == row) return;
  const std::int64_t column = at.remainder * block_threads + threadIdx.x;
  if (column >= columns) return;
  T sum = 0;
  for (std::int64_t i = at.quotient; i < places; ++i)
    if (indices[i] == row) sum += gy[i * columns + column];
  gx[row * columns + column] = sum;
}

void scatter_add(const Tensor& gy, const Tensor& indices, Tensor& gx) {
  constexpr const char* op = "index_select";
  const std::int64_t columns = gx.shape().sub(1, gx.rank()).numel();
  const std::int64_t blocks = (columns + block_threads - 1) / block_threads * indices.numel();
  if (blocks == 0) return;
  visit_real(op, gy.dtype(), [&]<class T>(Type<T>) {
    cuda::launch(op, gx.device(), {static_cast<unsigned>(blocks), block_threads}, add_rows<T>,
                 indices.numel(), columns, gx.size(0), cuda::elements<std::int64_t>(op, indices),
                 cuda::elements<T>(op, gy), cuda::mutable_elements<T>(op, gx));
  });
}

const CudaKernel rows_kernel(row_copy_kernels, copy_rows);
const CudaKernel strided_kernel(strided_copy_kernels, copy_strided);
const CudaKernel gather_kernel(gather_kernels, gather);
const CudaKernel scatter_kernel(scatter_add_kernels, scatter_add);

}  // namespace
}  // namespace ranvier::detail
