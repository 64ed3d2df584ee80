// f32 products of long and narrow matrices on tensor cores, which multiply 16-bit numbers only:
// each value is split into three bfloat16 numbers whose sum it is, 8 bits each. Of the nine
// products of two values' parts the three below 2^-24 of the whole are left out; the others are
// exact, and are added in f32, small ones first. Spikes are their own first part: where a warp's
// rows have no others, half of the products are left out too. An infinity gives NaN.
#include <algorithm>

#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/matmul/detail/cuda_mma.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"
#include "ranvier/ops/matmul/detail/split.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Gemm;

constexpr int warps = block_threads / warp_threads;
constexpr int parts = 3, step = 16;  // step: what a product on tensor cores sums over

// The parts of two values, each pair of parts as a register holds it.
struct SplitPair {
  unsigned part[parts];

  SplitPair() = default;
  __device__ __forceinline__ SplitPair(float low, float high) {
#pragma unroll
    for (int p = 0; p < parts; ++p) {
      part[p] = rounded_pair<bfloat16>(low, high);
      low -= __uint_as_float(part[p] << 16);
      high -= __uint_as_float(part[p] & 0xffff0000u);
    }
  }
};

// What a thread holds of a 16 x 16 first operand and of a 16 x 8 second one.
struct First {
  SplitPair x, y, z, w;

  __device__ __forceinline__ uint4 part(int p) const {
    return {x.part[p], y.part[p], z.part[p], w.part[p]};
  }
  __device__ __forceinline__ bool is_whole() const {  // all values are their first parts
    return (x.part[1] | y.part[1] | z.part[1] | w.part[1]) == 0;
  }
};
struct Second {
  uint2 part[parts];
};

// sums += a b. Tensor cores cut what they add to, so they start from zero for each step.
template <bool whole>
__device__ __forceinline__ void add_product(float (&sums)[4], const First& a, const Second& b) {
  float product[4] = {};
  if constexpr (!whole) {
    multiply_add<bfloat16>(product, a.part(2), b.part[0]);
    multiply_add<bfloat16>(product, a.part(1), b.part[1]);
  }
  multiply_add<bfloat16>(product, a.part(0), b.part[2]);
  if constexpr (!whole) multiply_add<bfloat16>(product, a.part(1), b.part[0]);
  multiply_add<bfloat16>(product, a.part(0), b.part[1]);
  multiply_add<bfloat16>(product, a.part(0), b.part[0]);
#pragma unroll
  for (int k = 0; k < 4; ++k) sums[k] += product[k];
}

// Four neighbours of a row from `at` on, zeros from `end` on; in one access if `packs`.
template <bool packs>
__device__ __forceinline__ Pack<float, 4> four_of(const float* row, bool exists, int at, int end) {
  Pack<float, 4> values{};
  if constexpr (packs) {
    if (exists && at < end) values = load<float, 4>(row + at);
  } else {
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (exists && at + k < end) values.lane[k] = row[at + k];
  }
  return values;
}

// c [rows, columns] = a [rows, depth] b + bias, with b, split, in shared memory. A warp computes 32
// rows of 64 columns; q takes depths 4 q to 4 q + 3 of each 16.
constexpr int warp_rows = 32, warp_products = 8, most_columns = 128, most_depth = 128;

struct RowsPlan {
  int rows = 0;
  int depth = 0, columns = 0;
  int steps = 0;            // of 16 depths
  int products = 0;         // of 8 columns
  bool transposed = false;  // b is stored as [columns, depth]
  bool pairs = false;       // rows of c are whole pairs

  RV_HD int fragments() const { return steps * products * warp_threads; }
  RV_HD int groups() const { return (products + warp_products - 1) / warp_products; }  // 1 or 2
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(fragments()) * parts * sizeof(uint2);
  }
};

__device__ void split_second(const RowsPlan& plan, const float* b, uint2* shared) {
  const int size = plan.fragments(), lane = static_cast<int>(threadIdx.x) % warp_threads;
  const int in_step = lane % 4 * 4, in_product = lane / 4;
#pragma unroll 4
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

// Four depths of the thread's four rows of a: 8, 16 and 24 after the first.
struct RowsOfStep {
  Pack<float, 4> of[4];

  template <bool packs>
  __device__ __forceinline__ void load(const float* rows, int left, int depth, int end) {
#pragma unroll
    for (int r = 0; r < 4; ++r)
      of[r] = four_of<packs>(rows + 8 * r * end, 8 * r < left, depth, end);
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
  extern __shared__ uint2 shared[];
  split_second(plan, b, shared);
  __syncthreads();
  const int groups = plan.groups(), slots = warps / groups;
  const int warp = static_cast<int>(threadIdx.x) / warp_threads;
  const int lane = static_cast<int>(threadIdx.x) % warp_threads, g = lane / 4, q = lane % 4;
  const int first_product = warp % groups * warp_products;
  const int products = plan.products - first_product;
  const int stride = static_cast<int>(gridDim.x) * slots * warp_rows;
  for (int first = (static_cast<int>(blockIdx.x) * slots + warp / groups) * warp_rows;
       first < plan.rows; first += stride) {
    const float* const rows = a + static_cast<std::int64_t>(first + g) * plan.depth;
    const int left = plan.rows - first - g;  // rows from the thread's first one on
    float sums[2][warp_products][4] = {};
    RowsOfStep next;
    next.load<packs>(rows, left, 4 * q, plan.depth);
#pragma unroll 1
    for (int s = 0; s < plan.steps; ++s) {
      const RowsOfStep now = next;
      next.load<packs>(rows, left, (s + 1) * step + 4 * q, plan.depth);  // on its way meanwhile
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
}

// c [columns of a, columns of b] = a^T b over parts of the rows. A warp computes 64 columns of a by
// 32 of b of its part; a thread reads 8 neighbours of a, 8 g and following, and 4 of b, 4 g and
// following, of rows 4 q to 4 q + 3 of each 16. One warp of those that read the same of b adds up
// that too, if it is asked for: four rows in f32, the rest in f64.
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

// The thread's columns in four rows. Row g of product m is column 8 g + 2 m of a and row g + 8 is
// the next one; column g of product n is column 4 g + n of b.
struct ColumnsOfStep {
  Pack<float, 4> of_a[4][2], of_b[4];

  template <bool packs>
  __device__ __forceinline__ void load(const ColumnsPlan& plan, const float* a, const float* b,
                                       std::int64_t first, std::int64_t end, int a_column,
                                       int b_column) {
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      const std::int64_t row = first + r;
      const bool exists = row < end;
      of_a[r][0] = four_of<packs>(a + row * plan.a_columns, exists, a_column, plan.a_columns);
      of_a[r][1] = four_of<packs>(a + row * plan.a_columns, exists, a_column + 4, plan.a_columns);
      of_b[r] = four_of<packs>(b + row * plan.b_columns, exists, b_column, plan.b_columns);
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
  const int a_column = place % plan.a_warps() * warp_a + 8 * g;
  const int b_column = place / plan.a_warps() * warp_b + 4 * g;
  float sums[a_products][b_products][4] = {};
  double sums_of_b[b_products] = {};
  const bool adds_b = plan.sums && place % plan.a_warps() == 0;
  ColumnsOfStep next;
  next.load<packs>(plan, a, b, begin + 4 * q, end, a_column, b_column);
#pragma unroll 1
  for (std::int64_t row = begin; row < end; row += step) {
    const ColumnsOfStep now = next;
    next.load<packs>(plan, a, b, row + step + 4 * q, end, a_column, b_column);
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
  // The thread has columns 8 q to 8 q + 7 of b: those of product n at n and n + 4 of them.
  const int to_column = place / plan.a_warps() * warp_b + 8 * q;
  out += part * plan.values();
#pragma unroll
  for (int m = 0; m < a_products; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = a_column + 2 * m + half;
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
  check(op, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(plan.shared_bytes())));
  launch(op, c.device(), {blocks, block_threads, plan.shared_bytes()}, kernel, plan,
         elements<float>(op, a), elements<float>(op, b), elements_or_null<float>(op, bias),
         mutable_elements<float>(op, c));
}

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
  launch(op, c.device(), {blocks, block_threads},
         packs ? split_columns<true> : split_columns<false>, plan, elements<float>(op, a),
         elements<float>(op, b), mutable_elements<float>(op, partial));
  column_sums(op, partial, number, c, sums);
}

}  // namespace

bool split_product(const char* op, const Gemm& g, const Tensor& a, const Tensor& b,
                   const Tensor& bias, Tensor& c, Tensor& sums) {
  constexpr std::int64_t least_rows = 4096, most_rows = std::int64_t{1} << 30;
  if (g.compute != DType::f32 || c.dtype() != DType::f32 || tf32()) return false;
  if (g.transpose_a) {
    if (g.transpose_b || g.m > most_columns || g.n > most_columns || g.k < least_rows) return false;
    multiply_columns(op, g, a, b, c, sums);
  } else {
    if (g.k > most_depth || g.n > most_columns || g.m < least_rows || g.m > most_rows) return false;
    multiply_rows(op, g, a, b, bias, c);
  }
  return true;
}

}  // namespace ranvier::cuda
