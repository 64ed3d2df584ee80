// What CUDA kernels that run neurons have in common: several neighbouring neurons of a thread,
// their state in registers, and what they learn.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/ops/neurons/detail/slopes.h"
#include "ranvier/ops/neurons/kernels.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::neurons::device {

/// Threads of a block at most.
inline constexpr int threads = 128;

using cuda::load_once;
using cuda::Pack;
using cuda::store;

/// The first of the calling thread's neurons.
template <int lanes>
__device__ __forceinline__ std::int64_t first_neuron() {
  return (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * lanes;
}

/// The scalars of a state or of learnables, one after another.
template <class Fields, class R>
inline constexpr int count_of = std::is_empty_v<Fields> ? 0 : sizeof(Fields) / sizeof(R);

template <class R, class Fields>
__device__ __forceinline__ R& field(Fields& fields, int k) {
  return reinterpret_cast<R*>(&fields)[k];
}

/// The object that a program's bytes are.
template <class T>
T typed(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

/// The slope that kernels backward are compiled with: f64 is for checks.
template <class Model, class Surrogate, class R>
using DeviceSlope =
    std::conditional_t<std::is_same_v<R, double>, AnySlope<R>, SlopeOf<Model, Surrogate, R>>;

/// The states of a thread's neurons.
template <class Model, class R, int lanes>
struct States {
  using State = typename Model::template State<R>;
  static constexpr int variables = count_of<State, R>;
  State lane[lanes];

  /// Variable k from from[k]; null: the value at rest.
  __device__ __forceinline__ void read(const R* const* from, const R* rest, std::int64_t first) {
#pragma unroll
    for (int k = 0; k < variables; ++k) {
      Pack<R, lanes> values;
      if (from[k] != nullptr) {
        values = load_once<R, lanes>(from[k] + first);
      } else {
#pragma unroll
        for (int i = 0; i < lanes; ++i) values.lane[i] = rest[k];
      }
#pragma unroll
      for (int i = 0; i < lanes; ++i) field<R>(lane[i], k) = values.lane[i];
    }
  }
  __device__ __forceinline__ void write(R* const* to, std::int64_t first) {
#pragma unroll
    for (int k = 0; k < variables; ++k)
      if (to[k] != nullptr) store<R, lanes>(to[k] + first, variable(k));
  }
  __device__ __forceinline__ Pack<R, lanes> variable(int k) {
    Pack<R, lanes> values;
#pragma unroll
    for (int i = 0; i < lanes; ++i) values.lane[i] = field<R>(lane[i], k);
    return values;
  }
};

/// Half a word of packed spikes from eight threads of four neurons, or 32 threads of one. All of
/// them call it; `neuron` counts from the first of `words`.
template <class R>
__device__ __forceinline__ void store_bits(std::uint64_t* words, std::int64_t neuron,
                                           const Pack<R, 4>& spikes) {
  unsigned nibble = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) nibble |= (spikes.lane[i] != R(0) ? 1u : 0u) << i;
  const unsigned lane = threadIdx.x % 32;
  const unsigned group = 0xffu << (lane / 8 * 8);
  const unsigned half = __reduce_or_sync(group, nibble << (lane % 8 * 4));
  if (lane % 8 == 0) reinterpret_cast<std::uint32_t*>(words)[neuron / 32] = half;
}
template <class R>
__device__ __forceinline__ void store_bits(std::uint64_t* words, std::int64_t neuron,
                                           const Pack<R, 1>& spikes) {
  const unsigned half = __ballot_sync(0xffffffffu, spikes.lane[0] != R(0));
  if (threadIdx.x % 32 == 0) reinterpret_cast<std::uint32_t*>(words)[neuron / 32] = half;
}

/// A model's parameters with the values its learnables have now, read from device memory.
template <class Model, class R>
__device__ __forceinline__ typename Model::template Params<R> learned(
    typename Model::template Params<R> params, const R* const* learnables) {
  using Learnable = typename Model::template Learnable<R>;
  constexpr int count = count_of<Learnable, R>;
  if constexpr (count > 0) {
    if (learnables[0] == nullptr) return params;
    Learnable values;
#pragma unroll
    for (int l = 0; l < count; ++l) field<R>(values, l) = *learnables[l];
    Model::learn(params, values);
  }
  return params;
}

/// Sums one number per thread over a block of a power of two of them, `threads` at most, in an
/// order that depends on nothing; to all threads.
__device__ __forceinline__ double block_sum(double value) {
  __shared__ double sums[threads];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (unsigned width = blockDim.x / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) sums[threadIdx.x] += sums[threadIdx.x + width];
    __syncthreads();
  }
  const double total = sums[0];
  __syncthreads();
  return total;
}

/// sums[l] = the sum of shares[block, l] over `blocks`, in an order that depends on their number
/// only; a block of `threads` for each l.
__global__ static void add_shares(const double* shares, unsigned blocks, double* sums) {
  double sum = 0;
  for (unsigned block = threadIdx.x; block < blocks; block += threads)
    sum += shares[block * gridDim.x + blockIdx.x];
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

}  // namespace ranvier::neurons::device
