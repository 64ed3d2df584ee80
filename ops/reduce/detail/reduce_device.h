// Reductions [outer, count, inner] -> [outer, inner] on a CUDA device, for any way of joining.
//
// Three kernels read: `reduce_few` with a thread for each result, where there is little to join;
// `reduce_rows` where what is joined lies together; `reduce_columns` where neighbouring results do,
// so that threads side by side read side by side. Where `count` is long it is cut into chunks,
// whose parts `join_parts` joins. Which kernel runs, how long chunks are and the order in which
// threads join depend on `count`, `inner` and the type alone: so results are reproducible, and a
// shard of the outer axis gives the bits of the whole.
#pragma once

#include "ranvier/ops/reduce/detail/reduce_kernels_device.h"

namespace ranvier::detail::device {

inline cuda::Grid grid_of(std::int64_t blocks) {
  return {static_cast<unsigned>(blocks), block_threads};
}

/// Parts of chunks between two kernels; none if there is one chunk.
template <class Part>
class Partials {
 public:
  Partials(Device device, const ReducePlan& plan, const Chunks& chunks)
      : storage_(chunks.number == 1
                     ? 0
                     : static_cast<std::size_t>(plan.results() * chunks.number) * sizeof(Part),
                 device),
        needed_(chunks.number > 1) {}

  Part* get() { return needed_ ? reinterpret_cast<Part*>(storage_.data()) : nullptr; }

 private:
  Storage storage_;
  bool needed_;
};

template <class Reducer>
void join_chunks(const char* op, Device device, const ReducePlan& plan, const Chunks& chunks,
                 const typename Reducer::Part* partials, const Reducer& reducer) {
  if (chunks.number == 1) return;
  const Layout layout(plan.inner, 8, block_threads);
  cuda::launch(op, device, grid_of(plan.outer * layout.column_blocks), join_parts<Reducer>,
               plan.inner, chunks.number, layout, partials, reducer);
}

template <class Reducer>
void launch_rows(const char* op, Device device, const ReducePlan& plan,
                 const typename Reducer::Value* x, const Reducer& reducer) {
  using Value = typename Reducer::Value;
  constexpr int lanes = lanes_of<Value>;
  constexpr std::int64_t least_chunk = 8192, most_chunks = 4096;
  const Chunks chunks = Chunks::of(plan.count, least_chunk, most_chunks);
  const std::int64_t packs = (plan.count + lanes - 1) / lanes;
  const int warp = 32, block = static_cast<int>(block_threads);
  const int width = packs > block ? block
                    : packs > warp
                        ? warp
                        : static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(packs)));
  const bool packed = cuda::in_packs<Value, lanes>(plan.outer == 1 ? lanes : plan.count, {x});
  Partials<typename Reducer::Part> partials(device, plan, chunks);
  const std::int64_t per_block = block / width, tasks = plan.outer * chunks.number;
  cuda::launch(op, device, grid_of((tasks + per_block - 1) / per_block), reduce_rows<Reducer>, plan,
               chunks, width, packed, x, partials.get(), reducer);
  join_chunks(op, device, plan, chunks, partials.get(), reducer);
}

template <class Reducer, int lanes>
void launch_columns(const char* op, Device device, const ReducePlan& plan,
                    const typename Reducer::Value* x, const Reducer& reducer) {
  constexpr std::int64_t rows_each = 32, most_chunks = 1024;
  const Layout layout(plan.inner / lanes, 32, block_threads);
  const Chunks chunks = Chunks::of(plan.count, rows_each * layout.down, most_chunks);
  Partials<typename Reducer::Part> partials(device, plan, chunks);
  cuda::launch(op, device, grid_of(plan.outer * chunks.number * layout.column_blocks),
               reduce_columns<Reducer, lanes>, plan, chunks, layout, x, partials.get(), reducer);
  join_chunks(op, device, plan, chunks, partials.get(), reducer);
}

/// `x` is [outer, count, inner].
template <class Reducer>
void reduce(const char* op, Device device, const ReducePlan& plan, const typename Reducer::Value* x,
            const Reducer& reducer) {
  using Value = typename Reducer::Value;
  constexpr int lanes = lanes_of<Value>;
  if (plan.results() == 0) return;
  const bool packed = cuda::in_packs<Value, lanes>(plan.inner, {x});
  const std::int64_t few = plan.inner == 1 ? 4 : 16;
  if (plan.count <= few && packed)
    cuda::launch(op, device, cuda::grid_for(plan.results() / lanes), reduce_few<Reducer, lanes>,
                 plan, x, reducer);
  else if (plan.count <= few)
    cuda::launch(op, device, cuda::grid_for(plan.results()), reduce_few<Reducer, 1>, plan, x,
                 reducer);
  else if (plan.inner == 1)
    launch_rows(op, device, plan, x, reducer);
  else if (packed)
    launch_columns<Reducer, lanes>(op, device, plan, x, reducer);
  else
    launch_columns<Reducer, 1>(op, device, plan, x, reducer);
}

}  // namespace ranvier::detail::device
