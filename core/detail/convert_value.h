// Which element types are only stored, and conversion of one element to another type.
#pragma once

#include <type_traits>

#include "ranvier/core/dtype.h"

namespace ranvier::detail {

/// Whether values of T are 16-bit floats: stored, but not computed with.
template <class T>
inline constexpr bool is_half = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;

/// What operations compute in with values that are stored as T: f32 for 16-bit floats.
template <class T>
using Computed = std::conditional_t<is_half<T>, float, T>;
inline DType computed_dtype(DType stored) {
  return stored == DType::f16 || stored == DType::bf16 ? DType::f32 : stored;
}

/// `value` as another element type.
template <class From, class To>
RV_HD To convert(From value) {
  // 16-bit floats go through f32, all else directly, so that i64 to f64 and f64 to f64 stay exact.
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (is_half<From>) {
    return convert<float, To>(to_float(value));
  } else if constexpr (is_half<To>) {
    if constexpr (std::is_same_v<To, float16>)
      return to_float16(static_cast<float>(value));
    else
      return to_bfloat16(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

/// a + b; of 16-bit floats, the sum in f32, rounded.
template <class T>
RV_HD T add_values(T a, T b) {
  if constexpr (is_half<T>)
    return convert<float, T>(to_float(a) + to_float(b));
  else
    return a + b;
}

}  // namespace ranvier::detail
