// Neighbouring values that a thread of a CUDA device moves as one access.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "ranvier/core/detail/visit_dtype.h"

namespace ranvier::cuda {

template <class R, int lanes>
struct alignas(lanes * sizeof(R)) Pack {
  R lane[lanes];
};

/// What 16 bytes hold, the widest access.
template <class R>
inline constexpr int full_lanes = static_cast<int>(16 / sizeof(R));

/// What moves `bytes` bytes at once; void: nothing does.
template <std::size_t bytes>
using Whole = std::conditional_t<
    bytes == 16, uint4,
    std::conditional_t<bytes == 8, uint2, std::conditional_t<bytes == 4, unsigned, void>>>;

// As whole words, because the compiler moves structs of 16-bit numbers one by one.
template <class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> load(const R* from) {
  using Values = Pack<R, lanes>;
  using Word = Whole<sizeof(Values)>;
  if constexpr (std::is_void_v<Word>)
    return *reinterpret_cast<const Values*>(from);
  else
    return std::bit_cast<Values>(*reinterpret_cast<const Word*>(from));
}

/// As `load`, for what is read once: not worth a place in the cache.
template <class R, int lanes>
__device__ __forceinline__ Pack<R, lanes> load_once(const R* from) {
  using Values = Pack<R, lanes>;
  if constexpr (sizeof(Values) >= 8 && !std::is_void_v<Whole<sizeof(Values)>>)
    return std::bit_cast<Values>(__ldcs(reinterpret_cast<const Whole<sizeof(Values)>*>(from)));
  else
    return load<R, lanes>(from);
}

template <class R, int lanes>
__device__ __forceinline__ void store(R* to, const Pack<R, lanes>& values) {
  using Values = Pack<R, lanes>;
  using Word = Whole<sizeof(Values)>;
  if constexpr (std::is_void_v<Word>)
    *reinterpret_cast<Values*>(to) = values;
  else
    *reinterpret_cast<Word*>(to) = std::bit_cast<Word>(values);
}

/// A stored value in the type R that is computed with, and back, rounded to nearest even.
template <class R, class S>
__device__ __forceinline__ R widen(S value) {
  if constexpr (std::is_same_v<S, bfloat16>)
    return to_float(value);
  else if constexpr (std::is_same_v<S, float16>)
    return __half2float(std::bit_cast<__half>(value));
  else
    return value;
}
template <class S, class R>
__device__ __forceinline__ S narrow(R value) {
  if constexpr (std::is_same_v<S, bfloat16>)
    return std::bit_cast<bfloat16>(__float2bfloat16_rn(value));
  else if constexpr (std::is_same_v<S, float16>)
    return std::bit_cast<float16>(__float2half_rn(value));
  else
    return value;
}

/// Values on their way from memory, as whole words: to take 16-bit values apart is to wait for
/// them.
template <class S, int lanes>
struct Words {
  static constexpr int count = static_cast<int>(lanes * sizeof(S) / 4);
  std::uint32_t word[count];
};
template <int lanes, class S>
__device__ __forceinline__ Words<S, lanes> load_words(const S* from) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(from);
  return std::bit_cast<Words<S, lanes>>(load<std::uint32_t, Words<S, lanes>::count>(words));
}
/// For the last time.
template <int lanes, class S>
__device__ __forceinline__ Words<S, lanes> load_words_once(const S* from) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(from);
  return std::bit_cast<Words<S, lanes>>(load_once<std::uint32_t, Words<S, lanes>::count>(words));
}

template <class R, class S, int lanes>
__device__ __forceinline__ Pack<R, lanes> widen(const Pack<S, lanes>& stored) {
  Pack<R, lanes> values;
  if constexpr (std::is_same_v<S, bfloat16> && lanes % 2 == 0) {  // an instruction each
    const auto words = std::bit_cast<Words<S, lanes>>(stored);
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      values.lane[i] = std::bit_cast<float>(i % 2 == 0 ? words.word[i / 2] << 16
                                                       : words.word[i / 2] & 0xffff0000u);
  } else {
#pragma unroll
    for (int i = 0; i < lanes; ++i) values.lane[i] = widen<R>(stored.lane[i]);
  }
  return values;
}
template <class R, class S, int lanes>
__device__ __forceinline__ Pack<R, lanes> widen(const Words<S, lanes>& words) {
  return widen<R>(std::bit_cast<Pack<S, lanes>>(words));
}

/// Two neighbours as 16-bit floats of type S.
template <class S>
__device__ __forceinline__ std::uint32_t narrow_pair(float low, float high) {
  if constexpr (std::is_same_v<S, bfloat16>) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const std::uint32_t&>(pair);
  } else {
    const __half2 pair = __floats2half2_rn(low, high);
    return reinterpret_cast<const std::uint32_t&>(pair);
  }
}
template <class S, class R, int lanes>
__device__ __forceinline__ Pack<S, lanes> narrow(const Pack<R, lanes>& values) {
  if constexpr (ranvier::detail::is_half<S> && lanes % 2 == 0) {
    Words<S, lanes> words;
#pragma unroll
    for (int i = 0; i < lanes; i += 2)
      words.word[i / 2] = narrow_pair<S>(values.lane[i], values.lane[i + 1]);
    return std::bit_cast<Pack<S, lanes>>(words);
  } else {
    Pack<S, lanes> stored;
#pragma unroll
    for (int i = 0; i < lanes; ++i) stored.lane[i] = narrow<S>(values.lane[i]);
    return stored;
  }
}

/// `load`, `load_once` and `store` of values that are stored as S and computed with as R.
template <class R, int lanes, class S>
__device__ __forceinline__ Pack<R, lanes> load_as(const S* from) {
  return widen<R>(load<S, lanes>(from));
}
template <class R, int lanes, class S>
__device__ __forceinline__ Pack<R, lanes> load_once_as(const S* from) {
  return widen<R>(load_once<S, lanes>(from));
}
template <class R, int lanes, class S>
__device__ __forceinline__ void store_as(S* to, const Pack<R, lanes>& values) {
  store<S, lanes>(to, narrow<S>(values));
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

/// As `visit_lanes`, for rows that are stored as S at `stored`, and as what that is computed in at
/// `computed`; as many lanes as 16 bytes of the latter hold.
template <class S, class Body>
void visit_lanes_as(std::int64_t columns, std::initializer_list<const void*> stored,
                    std::initializer_list<const void*> computed, Body&& body) {
  using R = ranvier::detail::Computed<S>;
  constexpr int lanes = full_lanes<R>;
  if (in_packs<S, lanes>(columns, stored) && in_packs<R>(columns, computed))
    body(std::integral_constant<int, lanes>{});
  else
    body(std::integral_constant<int, 1>{});
}

}  // namespace ranvier::cuda
