// A thread draws four blocks, the words of sixteen elements: four neighbours of each quarter of a
// tile, which are 16 bytes in f32; of 16-bit floats, twice as many of each. About 20 instructions
// an element hide behind its 8 bytes, of 16-bit floats 4. If steps share a mask, a thread applies
// its part to some of the steps, so many that there are enough threads.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/random_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/dropout/detail/dropout_kernels.h"

namespace ranvier::cuda {
namespace {

namespace kernel = dropout_detail;
using ranvier::detail::Computed;
using ranvier::detail::StreamPlace;
using ranvier::detail::Type;

constexpr const char* op = "dropout";
constexpr int quarters = kernel::words_per_block;  // of a tile; each has one of the words

/// Elements of a quarter that a thread takes, and the threads that a tile has then.
template <class S>
constexpr int neighbours = sizeof(S) == 2 ? 8 : 4;
template <class S>
constexpr int threads_of_tile = kernel::lanes / neighbours<S>;

template <class S>
struct Masked {
  const S* x;
  S* y;
  std::int64_t count, steps, steps_at_once;
  std::int64_t origin;  ///< the element of the mask that the first of x has
  std::uint32_t threshold;
  Computed<S> scale;
};

/// As `store`, said so that the compiler cannot take it apart into accesses of 4 bytes, as it does
/// with one of the four stores of a step.
template <class S>
__device__ __forceinline__ void store_whole(S* to, const Pack<S, neighbours<S>>& values) {
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof values / sizeof(int4)); ++i)
    __stwb(reinterpret_cast<int4*>(to) + i, reinterpret_cast<const int4*>(&values)[i]);
}

/// Applies the words of four blocks to step `t`; `first` is the thread's first element of it, which
/// lies before the step if a part of x begins within a tile. All
/// loads come before the first store, which the compiler cannot know to be of other arrays.
template <class S, bool packed>
__device__ __forceinline__ void apply_to_step(const Masked<S>& m,
                                              const PhiloxWords (&drawn)[neighbours<S>],
                                              std::int64_t t, std::int64_t first) {
  using R = Computed<S>;
  constexpr int count = neighbours<S>;
  const S* const x = m.x + t * m.count;
  S* const y = m.y + t * m.count;
  Pack<S, count> packs[quarters];
#pragma unroll
  for (int quarter = 0; quarter < quarters; ++quarter) {
    const std::int64_t at = first + quarter * kernel::lanes;
    if (packed && at >= 0 && at < m.count) packs[quarter] = load<S, count>(x + at);
#pragma unroll
    for (int k = 0; k < count; ++k)
      if (!packed && at + k >= 0 && at + k < m.count) packs[quarter].lane[k] = x[at + k];
  }
#pragma unroll
  for (int quarter = 0; quarter < quarters; ++quarter) {
    const std::int64_t at = first + quarter * kernel::lanes;
    const Pack<R, count> values = widen<R>(packs[quarter]);
    Pack<R, count> scaled;
#pragma unroll
    for (int k = 0; k < count; ++k)
      scaled.lane[k] = drawn[k].word[quarter] >= m.threshold ? values.lane[k] * m.scale : R(0);
    const Pack<S, count> kept = narrow<S>(scaled);
    if (packed && at >= 0 && at < m.count) store_whole(y + at, kept);
#pragma unroll
    for (int k = 0; k < count; ++k)
      if (!packed && at + k >= 0 && at + k < m.count) y[at + k] = kept.lane[k];
  }
}

template <class S, bool packed>
__global__ void __launch_bounds__(block_threads)
    apply(const Masked<S> m, const StreamPlace place, std::int64_t threads) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t part = i / threads, thread = i % threads;
  const std::int64_t first_step = part * m.steps_at_once;
  if (first_step >= m.steps) return;
  const std::int64_t tile = m.origin / kernel::tile + thread / threads_of_tile<S>;
  const std::int64_t lane = thread % threads_of_tile<S> * neighbours<S>;
  const StreamPlace from = place.resolved();
  PhiloxWords drawn[neighbours<S>];
#pragma unroll
  for (int k = 0; k < neighbours<S>; ++k)
    drawn[k] = philox(
        from.seed, from.first_block + static_cast<std::uint64_t>(tile * kernel::lanes + lane + k));
  const std::int64_t first = tile * kernel::tile + lane - m.origin;
  const std::int64_t end =
      first_step + m.steps_at_once < m.steps ? first_step + m.steps_at_once : m.steps;
  for (std::int64_t t = first_step; t < end; ++t) apply_to_step<S, packed>(m, drawn, t, first);
}

template <class S>
bool is_aligned(const S* array) {
  return reinterpret_cast<std::uintptr_t>(array) % alignof(Pack<S, neighbours<S>>) == 0;
}

/// Applies a mask to piece `piece` of x.
template <class S>
void apply_piece(const Tensor& x, const kernel::Drawn& drawn, std::int64_t piece, Tensor& y) {
  constexpr std::int64_t enough_threads = 1 << 17;
  const std::int64_t count = drawn.count(x);
  const std::int64_t origin = drawn.origin + piece * drawn.stride;
  const std::int64_t tiles =
      (origin + count + kernel::tile - 1) / kernel::tile - origin / kernel::tile;
  const std::int64_t threads = tiles * threads_of_tile<S>;
  const std::int64_t steps_at_once =
      std::clamp<std::int64_t>(drawn.steps * threads / enough_threads, 1, drawn.steps);
  const Masked<S> masked{.x = elements<S>(op, x) + piece * count,
                         .y = mutable_elements<S>(op, y) + piece * count,
                         .count = count,
                         .steps = drawn.steps,
                         .steps_at_once = steps_at_once,
                         .origin = origin,
                         .threshold = drawn.threshold,
                         .scale = static_cast<Computed<S>>(drawn.scale)};
  const StreamPlace place{drawn.place.seed, drawn.place.first_block,
                          elements_or_null<std::int64_t>(op, drawn.place.base)};
  const bool packed = is_aligned(masked.x) && is_aligned(masked.y) && count % neighbours<S> == 0 &&
                      origin % neighbours<S> == 0;
  const std::int64_t parts = (drawn.steps + steps_at_once - 1) / steps_at_once;
  launch(op, x.device(), grid_for(threads * parts), packed ? apply<S, true> : apply<S, false>,
         masked, place, threads);
}

void dropout(const Tensor& x, const kernel::Drawn& drawn, Tensor& y) {
  ranvier::detail::visit_floating(op, x.dtype(), [&]<class S>(Type<S>) {
    for (std::int64_t piece = 0; piece < drawn.pieces; ++piece) apply_piece<S>(x, drawn, piece, y);
  });
}

const CudaKernel kernel_of_dropout(kernel::dropout_kernels, dropout);

}  // namespace
}  // namespace ranvier::cuda
