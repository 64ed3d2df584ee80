// The words and functions of CUDA's device code that the sources of ranvier_cuda use.
#pragma once

#include <math.h>  // not <cmath>: names are used without std::

#include <bit>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "tests/emulator/include/warp.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __shared__ static  // one block runs at a time
#define __builtin_assume(condition) static_cast<void>(0)

// NOLINTBEGIN: these names are CUDA's
struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

/// Goes on when all threads of the block that have not ended are at this barrier.
inline void __syncthreads(std::source_location at = std::source_location::current()) {
  emulator::wait_for_block(at);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int distance,
                  std::source_location at = std::source_location::current()) {
  return emulator::value_of_lane(mask, value, emulator::lane() ^ static_cast<unsigned>(distance),
                                 at);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance,
                   std::source_location at = std::source_location::current()) {
  const unsigned from = emulator::lane() + distance;
  return emulator::value_of_lane(mask, value, from < emulator::warp_lanes ? from : emulator::lane(),
                                 at);
}
inline unsigned __ballot_sync(unsigned mask, bool vote,
                              std::source_location at = std::source_location::current()) {
  return emulator::reduce_lanes(
      mask, vote ? 1u << emulator::lane() : 0u, [](unsigned a, unsigned b) { return a | b; }, at);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value,
                                 std::source_location at = std::source_location::current()) {
  return emulator::reduce_lanes(
      mask, value, [](unsigned a, unsigned b) { return a | b; }, at);
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value,
                                  std::source_location at = std::source_location::current()) {
  return emulator::reduce_lanes(
      mask, value, [](unsigned a, unsigned b) { return a + b; }, at);
}

// Threads run one at a time and to a point where they wait, so each access is atomic.
inline void __threadfence() {}
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = old + value;
  return old;
}
inline unsigned atomicInc(unsigned* address, unsigned most) {
  const unsigned old = *address;
  *address = old >= most ? 0 : old + 1;
  return old;
}

// Hints to caches have no meaning here.
template <class T>
T __ldg(const T* from) {
  return *from;
}
template <class T>
T __ldcs(const T* from) {
  return *from;
}
template <class T>
void __stwb(T* to, T value) {
  *to = value;
}

inline int min(int a, int b) { return b < a ? b : a; }

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __popcll(unsigned long long bits) { return std::popcount(bits); }

/// Four of the eight bytes of `low` and `high`, each chosen by a nibble of `which`.
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned which) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(high) << 32 | low;
  unsigned chosen = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned from = which >> (4 * i) & 7;
    chosen |= static_cast<unsigned>(bytes >> (8 * from) & 0xff) << (8 * i);
  }
  return chosen;
}
// NOLINTEND
