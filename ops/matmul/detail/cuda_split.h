// f32 products of long and narrow matrices on tensor cores, which multiply 16-bit numbers only:
// each value is split into three bfloat16 numbers whose sum it is, 8 bits each. Of the nine
// products of two values' parts the three below 2^-24 of the whole are left out; the others are
// exact, and are added in f32, small ones first. Spikes are their own first part: where a warp's
// rows have no others, half of the products are left out too. An infinity gives NaN.
#pragma once

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/matmul/detail/cuda_mma.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::cuda::split {

/// c = a b + bias, and c = a^T b with the sums of b over its rows, as of `split_product`.
void multiply_rows(const char* op, const ranvier::detail::Gemm& g, const Tensor& a, const Tensor& b,
                   const Tensor& bias, Tensor& c);
void multiply_columns(const char* op, const ranvier::detail::Gemm& g, const Tensor& a,
                      const Tensor& b, Tensor& c, Tensor& sums);

inline constexpr int parts = 3, step = 16;  // step: what a product on tensor cores sums over

/// The parts of two values, each pair of parts as a register holds it.
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

/// What a thread holds of a 16 x 16 first operand and of a 16 x 8 second one.
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

/// sums += a b. Tensor cores cut what they add to, so they start from zero for each step.
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

/// What threads read next, steps ahead, on its way to shared memory: more than registers could wait
/// for. A thread has places of its own, which no other thread writes or reads.
template <int fours, int steps_ahead>
class Ring {
 public:
  static constexpr int steps = steps_ahead;
  static constexpr std::size_t bytes = sizeof(float4) * fours * (steps_ahead + 1) * block_threads;

  __device__ __forceinline__ explicit Ring(void* shared)
      : places_(static_cast<float4*>(shared) + threadIdx.x) {}

  // Asks for four neighbours of a row from `at` on, zeros from `end` on; in one access if `packs`.
  template <bool packs>
  __device__ __forceinline__ void ask(int place, const float* row, bool exists, int at, int end) {
    const auto to =
        static_cast<unsigned>(__cvta_generic_to_shared(places_ + (asked_ + place) * block_threads));
    if constexpr (packs) {
      asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(row + at),
                   "r"(exists && at < end ? 16 : 0)
                   : "memory");
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k)
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to + 4 * k),
                     "l"(row + at + k), "r"(exists && at + k < end ? 4 : 0)
                     : "memory");
    }
  }
  // All of a step has been asked for.
  __device__ __forceinline__ void commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
    asked_ = next(asked_);
  }

  // Waits for the next step, until only those after it are on their way.
  __device__ __forceinline__ void wait() const {
    asm volatile("cp.async.wait_group %0;" ::"n"(steps_ahead - 1) : "memory");
  }
  __device__ __forceinline__ Pack<float, 4> read(int place) const {
    const float4 values = places_[(waited_ + place) * block_threads];
    return {{values.x, values.y, values.z, values.w}};
  }
  // All of the step has been read.
  __device__ __forceinline__ void leave() { waited_ = next(waited_); }

  __device__ __forceinline__ void finish() const {
    asm volatile("cp.async.wait_all;" ::: "memory");
  }

 private:
  __device__ __forceinline__ static int next(int place) {
    return place == fours * steps_ahead ? 0 : place + fours;
  }

  float4* places_;
  int asked_ = 0, waited_ = 0;  // first places of the step
};

}  // namespace ranvier::cuda::split
