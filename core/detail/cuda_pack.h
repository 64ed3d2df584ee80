// Neighbouring values that a thread of a CUDA device moves as one access.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>
#include <type_traits>

namespace ranvier::cuda {

template <class R, int lanes>
struct alignas(lanes * sizeof(R)) Pack {
  R lane[lanes];
};

/// What 16 bytes hold, the widest access.
template <class R>
inline constexpr int full_lanes = static_cast<int>(16 / sizeof(R));

template <class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> load(const R* from) {
  return *reinterpret_cast<const Pack<R, lanes>*>(from);
}

/// As `load`, for what is read once: not worth a place in the cache.
template <class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> load_once(const R* from) {
  if constexpr (lanes == 4 && sizeof(R) == 4) {
    const float4 v = __ldcs(reinterpret_cast<const float4*>(from));
    return {v.x, v.y, v.z, v.w};
  } else {
    return load<R, lanes>(from);
  }
}

template <class R, int lanes>
__device__ __forceinline__ void store(R* to, const Pack<R, lanes>& values) {
  *reinterpret_cast<Pack<R, lanes>*>(to) = values;
}

/// True if rows of `columns` values of R at each of `arrays` can be moved `lanes` at a time.
template <class R, int lanes = full_lanes<R>>
bool in_packs(std::int64_t columns, std::initializer_list<const void*> arrays) {
  bool whole = columns % lanes == 0;
  for (const void* array : arrays)
    whole = whole && reinterpret_cast<std::uintptr_t>(array) % alignof(Pack<R, lanes>) == 0;
  return whole;
}

/// Calls `body(std::integral_constant<int, lanes>)` with the widest access that rows of `columns`
/// values at `arrays` allow.
template <class R, class Body>
void visit_lanes(std::int64_t columns, std::initializer_list<const void*> arrays, Body&& body) {
  if (in_packs<R>(columns, arrays))
    body(std::integral_constant<int, full_lanes<R>>{});
  else
    body(std::integral_constant<int, 1>{});
}

}  // namespace ranvier::cuda
