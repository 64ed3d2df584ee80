// The kernels of reductions on a CUDA device; reduce_device.h tells what they are for.
//
// A Reducer has the types Value, of an element, and Part, of what elements are joined to, and
//   Part start()                                 of no elements
//   add(Part&, Value, place, result)             element `place` of `count`
//   join(Part&, const Part&)
//   finish(result, const Part&)                  writes the result
#pragma once

#include <algorithm>

#include "ranvier/core/detail/cuda_index.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/ops/reduce/detail/plan.h"
#include "ranvier/ops/reduce/detail/reduce_geometry.h"

namespace ranvier::detail::device {

using cuda::block_threads;
using cuda::divide;
using cuda::Division;
using cuda::Pack;

/// Lanes of packs of a stored type: 16 bytes of what it is computed in, so that results do not
/// depend on how elements are stored.
template <class Value>
inline constexpr int lanes_of = cuda::full_lanes<Computed<Value>>;

/// Joins each lane's parts of `members` threads, a power of two, that are `stride` threads apart;
/// the results are left with member 0. All threads of the block call it.
template <class Reducer, int lanes>
__device__ __forceinline__ void join_members(const Reducer& reducer,
                                             typename Reducer::Part (&part)[lanes], int member,
                                             int members, int stride) {
  __shared__ typename Reducer::Part parts[lanes][block_threads];
#pragma unroll
  for (int k = 0; k < lanes; ++k) parts[k][threadIdx.x] = part[k];
  for (int half = members / 2; half > 0; half /= 2) {
    __syncthreads();
    if (member < half) {
#pragma unroll
      for (int k = 0; k < lanes; ++k)
        reducer.join(parts[k][threadIdx.x],
                     parts[k][threadIdx.x + static_cast<unsigned>(half * stride)]);
    }
  }
#pragma unroll
  for (int k = 0; k < lanes; ++k) part[k] = parts[k][threadIdx.x];
}

template <class Reducer, int lanes>
__global__ void __launch_bounds__(block_threads)
    reduce_few(const ReducePlan plan, const typename Reducer::Value* x, const Reducer reducer) {
  const std::int64_t result =
      (static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x) * lanes;
  if (result >= plan.outer * plan.inner) return;
  const Division at = divide(result, plan.inner);
  x += at.quotient * plan.count * plan.inner + at.remainder;
  typename Reducer::Part parts[lanes];
#pragma unroll
  for (int k = 0; k < lanes; ++k) parts[k] = reducer.start();
#pragma unroll 4
  for (std::int64_t i = 0; i < plan.count; ++i) {
    const auto values = cuda::load<typename Reducer::Value, lanes>(x + i * plan.inner);
#pragma unroll
    for (int k = 0; k < lanes; ++k) reducer.add(parts[k], values.lane[k], i, result + k);
  }
#pragma unroll
  for (int k = 0; k < lanes; ++k) reducer.finish(result + k, parts[k]);
}

/// Loads of a thread that are in flight at once.
inline constexpr int ahead = 4;

template <class Value, int lanes>
__device__ __forceinline__ Pack<Value, lanes> load_row(const Value* at, bool packed) {
  if (packed) return cuda::load<Value, lanes>(at);
  Pack<Value, lanes> values;
#pragma unroll
  for (int k = 0; k < lanes; ++k) values.lane[k] = at[k];
  return values;
}

/// `width` threads, a power of two, take a chunk of a row. They take the same elements whether or
/// not these are `packed`, that is, can be read 16 bytes at a time.
template <class Reducer>
__global__ void __launch_bounds__(block_threads)
    reduce_rows(const ReducePlan plan, const Chunks chunks, int width, bool packed,
                const typename Reducer::Value* x, typename Reducer::Part* partials,
                const Reducer reducer) {
  using Value = typename Reducer::Value;
  constexpr int lanes = lanes_of<Value>;
  const int member = static_cast<int>(threadIdx.x) & (width - 1);
  const int thread = static_cast<int>(threadIdx.x) / width;
  const std::int64_t task =
      static_cast<std::int64_t>(blockIdx.x) * (block_threads / width) + thread;
  const bool idle = task >= plan.outer * chunks.number;
  const Division at = divide(task, chunks.number);
  typename Reducer::Part parts[] = {reducer.start()};
  if (!idle) {
    const Value* const row = x + at.quotient * plan.count;
    const std::int64_t first = at.remainder * chunks.length;
    const std::int64_t last = std::min(first + chunks.length, plan.count);
    const std::int64_t step = static_cast<std::int64_t>(width) * lanes;
    std::int64_t i = first + member * lanes;
    for (; i + (ahead - 1) * step + lanes <= last; i += ahead * step) {
      Pack<Value, lanes> values[ahead];
#pragma unroll
      for (int a = 0; a < ahead; ++a)
        values[a] = load_row<Value, lanes>(row + i + a * step, packed);
#pragma unroll
      for (int a = 0; a < ahead; ++a)
#pragma unroll
        for (int k = 0; k < lanes; ++k)
          reducer.add(parts[0], values[a].lane[k], i + a * step + k, at.quotient);
    }
    for (; i < last; i += step)
      for (int k = 0; k < lanes && i + k < last; ++k)
        reducer.add(parts[0], row[i + k], i + k, at.quotient);
  }
  join_members(reducer, parts, member, width, 1);
  if (idle || member != 0) return;
  if (partials != nullptr)
    partials[task] = parts[0];
  else
    reducer.finish(at.quotient, parts[0]);
}

/// Blocks are numbered [outer, chunks, column blocks].
template <class Reducer, int lanes>
__global__ void __launch_bounds__(block_threads)
    reduce_columns(const ReducePlan plan, const Chunks chunks, const Layout layout,
                   const typename Reducer::Value* x, typename Reducer::Part* partials,
                   const Reducer reducer) {
  using Value = typename Reducer::Value;
  const Division by_column = divide(blockIdx.x, layout.column_blocks);
  const Division at = divide(by_column.quotient, chunks.number);
  const int member = static_cast<int>(threadIdx.x) / layout.across;
  const int side = static_cast<int>(threadIdx.x) & (layout.across - 1);
  const std::int64_t column = (by_column.remainder * layout.across + side) * lanes;
  const std::int64_t result = at.quotient * plan.inner + column;
  const bool idle = column >= plan.inner;
  typename Reducer::Part parts[lanes];
#pragma unroll
  for (int k = 0; k < lanes; ++k) parts[k] = reducer.start();
  if (!idle) {
    const Value* const top = x + at.quotient * plan.count * plan.inner + column;
    const std::int64_t first = at.remainder * chunks.length;
    const std::int64_t last = std::min(first + chunks.length, plan.count);
    for (std::int64_t i = first + member; i < last; i += ahead * layout.down) {
      Pack<Value, lanes> values[ahead];
#pragma unroll
      for (int a = 0; a < ahead; ++a)
        if (i + a * layout.down < last)
          values[a] = cuda::load<Value, lanes>(top + (i + a * layout.down) * plan.inner);
#pragma unroll
      for (int a = 0; a < ahead; ++a)
#pragma unroll
        for (int k = 0; k < lanes; ++k)
          if (i + a * layout.down < last)
            reducer.add(parts[k], values[a].lane[k], i + a * layout.down, result + k);
    }
  }
  join_members(reducer, parts, member, layout.down, layout.across);
  if (idle || member != 0) return;
#pragma unroll
  for (int k = 0; k < lanes; ++k) {
    if (partials != nullptr)
      partials[by_column.quotient * plan.inner + column + k] = parts[k];
    else
      reducer.finish(result + k, parts[k]);
  }
}

/// Joins partials [outer, chunks, inner]. Blocks are numbered [outer, column blocks].
template <class Reducer>
__global__ void __launch_bounds__(block_threads)
    join_parts(std::int64_t inner, std::int64_t chunks, const Layout layout,
               const typename Reducer::Part* partials, const Reducer reducer) {
  const Division at = divide(blockIdx.x, layout.column_blocks);
  const int member = static_cast<int>(threadIdx.x) / layout.across;
  const std::int64_t column =
      at.remainder * layout.across + (static_cast<int>(threadIdx.x) & (layout.across - 1));
  const bool idle = column >= inner;
  typename Reducer::Part parts[] = {reducer.start()};
  if (!idle) {
#pragma unroll 4
    for (std::int64_t i = member; i < chunks; i += layout.down)
      reducer.join(parts[0], partials[(at.quotient * chunks + i) * inner + column]);
  }
  join_members(reducer, parts, member, layout.down, layout.across);
  if (!idle && member == 0) reducer.finish(at.quotient * inner + column, parts[0]);
}

}  // namespace ranvier::detail::device
