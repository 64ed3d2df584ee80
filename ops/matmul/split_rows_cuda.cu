// Products of long matrices with small ones, in parts of 16 bit.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/cuda_split.h"

namespace ranvier::cuda::split {
namespace {

using ranvier::detail::Gemm;

constexpr int warps = block_threads / warp_threads;

// c [rows, columns] = a [rows, depth] b + bias, with b, split, in shared memory. A warp computes 32
// rows of 64 columns; q takes depths 4 q to 4 q + 3 of each 16.
constexpr int warp_rows = 32, warp_products = 8;

struct RowsPlan {
  int rows = 0;
  int depth = 0, columns = 0;
  int steps = 0;            // of 16 depths
  int products = 0;         // of 8 columns
  bool transposed = false;  // b is stored as [columns, depth]
  bool pairs = false;       // rows of c are whole pairs

  RV_HD int fragments() const { return steps * products * warp_threads; }
  RV_HD int groups() const { return (products + warp_products - 1) / warp_products; }  // 1 or 2
  RV_HD std::size_t bytes_of_b() const {
    return static_cast<std::size_t>(fragments()) * parts * sizeof(uint2);
  }
};

__device__ void split_second(const RowsPlan& plan, const float* b, uint2* shared) {
  const int size = plan.fragments(), lane = static_cast<int>(threadIdx.x) % warp_threads;
  const int in_step = lane % 4 * 4, in_product = lane / 4;
#pragma unroll 8
  for (int i = static_cast<int>(threadIdx.x) / warp_threads; i < plan.steps * plan.products;
       i += warps) {
    const int column = i % plan.products * 8 + in_product;
    const int depth = i / plan.products * step + in_step;
    float values[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int at =
          plan.transposed ? column * plan.depth + depth + k : (depth + k) * plan.columns + column;
      values[k] = column < plan.columns && depth + k < plan.depth ? b[at] : 0.0f;
    }
    const SplitPair low(values[0], values[1]), high(values[2], values[3]);
#pragma unroll
    for (int p = 0; p < parts; ++p)
      shared[p * size + i * warp_threads + lane] = {low.part[p], high.part[p]};
  }
}

using RowsRing = Ring<4, 3>;

// The steps of all that a warp computes, in turn: 16 depths of 32 rows, then those that follow.
struct RowsCursor {
  int first, stride, step_of = 0;

  // Asks for four depths of the thread's four rows of a: 8, 16 and 24 after the first.
  template <bool packs>
  __device__ __forceinline__ void ask(RowsRing& ring, const RowsPlan& plan, const float* a, int g,
                                      int q) {
    const float* const rows = a + static_cast<std::int64_t>(first + g) * plan.depth;
#pragma unroll
    for (int r = 0; r < 4; ++r)
      ring.ask<packs>(r, rows + 8 * r * plan.depth, first + g + 8 * r < plan.rows,
                      step_of * step + 4 * q, plan.depth);
    ring.commit();
    if (++step_of < plan.steps) return;
    step_of = 0;
    if (first < plan.rows) first += stride;
  }
};

struct RowsOfStep {
  Pack<float, 4> of[4];

  __device__ __forceinline__ explicit RowsOfStep(const RowsRing& ring) {
#pragma unroll
    for (int r = 0; r < 4; ++r) of[r] = ring.read(r);
  }
  __device__ __forceinline__ First split(int m) const {
    const auto &low = of[2 * m], &high = of[2 * m + 1];
    return {{low.lane[0], low.lane[1]},
            {high.lane[0], high.lane[1]},
            {low.lane[2], low.lane[3]},
            {high.lane[2], high.lane[3]}};
  }
};

template <bool whole>
__device__ __forceinline__ void add_step(float (&sums)[2][warp_products][4], const First (&a)[2],
                                         const uint2* fragments, int size, int products) {
#pragma unroll
  for (int n = 0; n < warp_products; ++n) {
    const uint2* const from =
        fragments + (n < products ? n * warp_threads : 0);  // else: not stored
    const Second b{{from[0], from[size], from[2 * size]}};
#pragma unroll
    for (int m = 0; m < 2; ++m) add_product<whole>(sums[m][n], a[m], b);
  }
}

template <bool packs>
__global__ void __launch_bounds__(block_threads, 1)
    split_rows(const RowsPlan plan, const float* __restrict__ a, const float* __restrict__ b,
               const float* __restrict__ bias, float* __restrict__ c) {
  extern __shared__ uint4 all_shared[];
  uint2* const shared = reinterpret_cast<uint2*>(all_shared);
  const int groups = plan.groups(), slots = warps / groups;
  const int warp = static_cast<int>(threadIdx.x) / warp_threads;
  const int lane = static_cast<int>(threadIdx.x) % warp_threads, g = lane / 4, q = lane % 4;
  const int first_product = warp % groups * warp_products;
  const int products = plan.products - first_product;
  const int stride = static_cast<int>(gridDim.x) * slots * warp_rows;
  const int first_of_warp = (static_cast<int>(blockIdx.x) * slots + warp / groups) * warp_rows;
  RowsRing ring(reinterpret_cast<char*>(all_shared) + plan.bytes_of_b());
  RowsCursor ahead{.first = first_of_warp, .stride = stride};
#pragma unroll 1
  for (int s = 0; s < RowsRing::steps; ++s) ahead.ask<packs>(ring, plan, a, g, q);
  split_second(plan, b, shared);
  __syncthreads();
  for (int first = first_of_warp; first < plan.rows; first += stride) {
    const int left = plan.rows - first - g;  // rows from the thread's first one on
    float sums[2][warp_products][4] = {};
#pragma unroll 1
    for (int s = 0; s < plan.steps; ++s) {
      ring.wait();
      const RowsOfStep now(ring);
      ring.leave();
      ahead.ask<packs>(ring, plan, a, g, q);
      const First values[2] = {now.split(0), now.split(1)};
      const bool whole = values[0].is_whole() && values[1].is_whole();
      const uint2* const fragments =
          shared + (s * plan.products + first_product) * warp_threads + lane;
      if (__all_sync(whole_warp, whole))
        add_step<true>(sums, values, fragments, plan.fragments(), products);
      else
        add_step<false>(sums, values, fragments, plan.fragments(), products);
    }
#pragma unroll
    for (int quarter = 0; quarter < 4; ++quarter) {
      if (8 * quarter >= left) continue;
      float* const to =
          c + static_cast<std::int64_t>(first + g + 8 * quarter) * plan.columns + 2 * q;
#pragma unroll
      for (int n = 0; n < warp_products; ++n) {
        const int column = (first_product + n) * 8;
        Pack<float, 2> pair;
#pragma unroll
        for (int k = 0; k < 2; ++k) {
          const bool adds = bias != nullptr && column + 2 * q + k < plan.columns;
          pair.lane[k] =
              sums[quarter / 2][n][quarter % 2 * 2 + k] + (adds ? bias[column + 2 * q + k] : 0.0f);
        }
        if (plan.pairs && column + 2 * q < plan.columns) {
          store(to + column, pair);
        } else {
          if (column + 2 * q < plan.columns) to[column] = pair.lane[0];
          if (column + 2 * q + 1 < plan.columns) to[column + 1] = pair.lane[1];
        }
      }
    }
  }
  ring.finish();
}

}  // namespace

void multiply_rows(const char* op, const Gemm& g, const Tensor& a, const Tensor& b,
                   const Tensor& bias, Tensor& c) {
  constexpr int blocks_wanted = 132;
  RowsPlan plan{.rows = static_cast<int>(g.m),
                .depth = static_cast<int>(g.k),
                .columns = static_cast<int>(g.n),
                .transposed = g.transpose_b,
                .pairs = in_packs<float, 2>(g.n, {c.raw_data()})};
  plan.steps = (plan.depth + step - 1) / step;
  plan.products = (plan.columns + 7) / 8;
  const int of_block = warps / plan.groups() * warp_rows;
  const auto blocks =
      static_cast<unsigned>(std::min(blocks_wanted, (plan.rows + of_block - 1) / of_block));
  const auto kernel = in_packs<float>(g.k, {a.raw_data()}) ? split_rows<true> : split_rows<false>;
  const std::size_t bytes = plan.bytes_of_b() + RowsRing::bytes;
  check(op, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(bytes)));
  launch(op, c.device(), {blocks, block_threads, bytes}, kernel, plan, elements<float>(op, a),
         elements<float>(op, b), elements_or_null<float>(op, bias), mutable_elements<float>(op, c));
}

}  // namespace ranvier::cuda::split
