// Products of two long matrices over their rows, in parts of 16 bit.
#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/cuda_split.h"

namespace ranvier::cuda::split {
namespace {

using ranvier::detail::Gemm;

constexpr int warps = block_threads / warp_threads;

// c [columns of a, columns of b] = a^T b over parts of the rows. A warp computes 64 columns of a by
// 32 of b of its part; a thread reads 4 neighbours of each 32 of these, 4 g and following, of rows
// 4 q to 4 q + 3 of each 16. One warp of those that read the same of b adds up that too, if it is
// asked for: four rows in f32, the rest in f64.
constexpr int warp_a = 64, warp_b = 32, a_products = 4, b_products = 4;

struct ColumnsPlan {
  std::int64_t rows = 0, rows_of_part = 0;
  int a_columns = 0, b_columns = 0;
  bool sums = false;  // a row more: the sums of b

  RV_HD std::int64_t values() const {  // of a part
    return whole_row(static_cast<std::int64_t>(a_columns + (sums ? 1 : 0)) * b_columns);
  }
  RV_HD int a_warps() const { return (a_columns + warp_a - 1) / warp_a; }  // 1 or 2
  RV_HD int b_warps() const { return (b_columns + warp_b - 1) / warp_b; }  // 1 to 4
  RV_HD int slots() const { return warps / (a_warps() * b_warps()); }      // parts of a block
};

using ColumnsRing = Ring<12, 2>;

template <bool packs>
__device__ __forceinline__ void ask_columns(ColumnsRing& ring, const ColumnsPlan& plan,
                                            const float* a, const float* b, std::int64_t first,
                                            std::int64_t end, int a_column, int b_column) {
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const std::int64_t row = first + r;
    const bool exists = row < end;
    const float *const of_a = a + row * plan.a_columns, *const of_b = b + row * plan.b_columns;
    ring.ask<packs>(3 * r, of_a, exists, a_column, plan.a_columns);
    ring.ask<packs>(3 * r + 1, of_a, exists, a_column + 32, plan.a_columns);
    ring.ask<packs>(3 * r + 2, of_b, exists, b_column, plan.b_columns);
  }
  ring.commit();
}

// The thread's columns in four rows. Row g of product m is column 4 g + 2 (m % 2) of 32 of a, the
// second 32 for m of 2 and 3, and row g + 8 is the next one; column g of product n is column
// 4 g + n of b.
struct ColumnsOfStep {
  Pack<float, 4> of_a[4][2], of_b[4];

  __device__ __forceinline__ explicit ColumnsOfStep(const ColumnsRing& ring) {
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      of_a[r][0] = ring.read(3 * r);
      of_a[r][1] = ring.read(3 * r + 1);
      of_b[r] = ring.read(3 * r + 2);
    }
  }
  __device__ __forceinline__ First split_a(int m) const {
    const int half = m / 2, k = m % 2 * 2;
    return {{of_a[0][half].lane[k], of_a[1][half].lane[k]},
            {of_a[0][half].lane[k + 1], of_a[1][half].lane[k + 1]},
            {of_a[2][half].lane[k], of_a[3][half].lane[k]},
            {of_a[2][half].lane[k + 1], of_a[3][half].lane[k + 1]}};
  }
  __device__ __forceinline__ float sum_of_b(int n) const {
    return of_b[0].lane[n] + of_b[1].lane[n] + (of_b[2].lane[n] + of_b[3].lane[n]);
  }
  __device__ __forceinline__ Second split_b(int n) const {
    const SplitPair low(of_b[0].lane[n], of_b[1].lane[n]);
    const SplitPair high(of_b[2].lane[n], of_b[3].lane[n]);
    Second result;
#pragma unroll
    for (int p = 0; p < parts; ++p) result.part[p] = {low.part[p], high.part[p]};
    return result;
  }
};

template <bool packs>
__global__ void __launch_bounds__(block_threads, 1)
    split_columns(const ColumnsPlan plan, const float* __restrict__ a, const float* __restrict__ b,
                  float* __restrict__ out) {
  const int warp = static_cast<int>(threadIdx.x) / warp_threads, of_slot = warps / plan.slots();
  const int lane = static_cast<int>(threadIdx.x) % warp_threads, g = lane / 4, q = lane % 4;
  const int place = warp % of_slot, slot = warp / of_slot;
  const std::int64_t part = static_cast<std::int64_t>(blockIdx.x) * plan.slots() + slot;
  const std::int64_t begin = part * plan.rows_of_part;
  const std::int64_t end = min(begin + plan.rows_of_part, plan.rows);
  if (place >= plan.a_warps() * plan.b_warps() || slot >= plan.slots() || begin >= end) return;
  const int a_column = place % plan.a_warps() * warp_a + 4 * g;
  const int b_column = place / plan.a_warps() * warp_b + 4 * g;
  float sums[a_products][b_products][4] = {};
  double sums_of_b[b_products] = {};
  const bool adds_b = plan.sums && place % plan.a_warps() == 0;
  extern __shared__ uint4 all_shared[];
  ColumnsRing ring(all_shared);
  std::int64_t ahead = begin + 4 * q;
#pragma unroll 1
  for (int s = 0; s < ColumnsRing::steps; ++s, ahead += step)
    ask_columns<packs>(ring, plan, a, b, ahead, end, a_column, b_column);
#pragma unroll 1
  for (std::int64_t row = begin; row < end; row += step, ahead += step) {
    ring.wait();
    const ColumnsOfStep now(ring);
    ring.leave();
    ask_columns<packs>(ring, plan, a, b, ahead, end, a_column, b_column);
    Second seconds[b_products];
#pragma unroll
    for (int n = 0; n < b_products; ++n) seconds[n] = now.split_b(n);
    if (adds_b)
#pragma unroll
      for (int n = 0; n < b_products; ++n) sums_of_b[n] += now.sum_of_b(n);
#pragma unroll
    for (int m = 0; m < a_products; ++m) {
      const First first = now.split_a(m);
      if (__all_sync(whole_warp, first.is_whole())) {
#pragma unroll
        for (int n = 0; n < b_products; ++n) add_product<true>(sums[m][n], first, seconds[n]);
      } else {
#pragma unroll
        for (int n = 0; n < b_products; ++n) add_product<false>(sums[m][n], first, seconds[n]);
      }
    }
  }
  ring.finish();
  // The thread has columns 8 q to 8 q + 7 of b: those of product n at n and n + 4 of them.
  const int to_column = place / plan.a_warps() * warp_b + 8 * q;
  out += part * plan.values();
#pragma unroll
  for (int m = 0; m < a_products; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = a_column + m / 2 * 32 + m % 2 * 2 + half;
      if (row >= plan.a_columns) continue;
#pragma unroll
      for (int k = 0; k < 8; ++k)
        if (to_column + k < plan.b_columns)
          out[row * plan.b_columns + to_column + k] = sums[m][k % 4][2 * half + k / 4];
    }
  if (!adds_b) return;
#pragma unroll
  for (int n = 0; n < b_products; ++n) {
    const double sum = group_sum<4>(sums_of_b[n]);
    if (q == 0 && b_column + n < plan.b_columns)
      out[plan.a_columns * plan.b_columns + b_column + n] = static_cast<float>(sum);
  }
}

}  // namespace

void multiply_columns(const char* op, const Gemm& g, const Tensor& a, const Tensor& b, Tensor& c,
                      Tensor& sums) {
  constexpr std::int64_t blocks_wanted = 132;
  ColumnsPlan plan{.rows = g.k,
                   .a_columns = static_cast<int>(g.m),
                   .b_columns = static_cast<int>(g.n),
                   .sums = sums.defined()};
  const std::int64_t wanted = blocks_wanted * plan.slots();
  plan.rows_of_part = ((plan.rows + wanted - 1) / wanted + step - 1) / step * step;
  const std::int64_t number = (plan.rows + plan.rows_of_part - 1) / plan.rows_of_part;
  const auto blocks = static_cast<unsigned>((number + plan.slots() - 1) / plan.slots());
  Tensor partial = empty({number, plan.values()}, {.device = c.device()});
  const bool packs = in_packs<float>(g.m, {a.raw_data()}) && in_packs<float>(g.n, {b.raw_data()});
  const auto kernel = packs ? split_columns<true> : split_columns<false>;
  check(op, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(ColumnsRing::bytes)));
  launch(op, c.device(), {blocks, block_threads, ColumnsRing::bytes}, kernel, plan,
         elements<float>(op, a), elements<float>(op, b), mutable_elements<float>(op, partial));
  column_sums(op, partial, number, c, sums);
}

}  // namespace ranvier::cuda::split
