// Conversion of one element from one element type to another.
#pragma once

#include <type_traits>

#include "ranvier/core/dtype.h"

namespace ranvier::detail {

/// `value` as another element type.
template <class From, class To>
RV_HD To convert(From value) {
  // 16-bit floats go through f32, all else directly, so that i64 to f64 and f64 to f64 stay exact.
  constexpr bool from_half = std::is_same_v<From, float16> || std::is_same_v<From, bfloat16>;
  constexpr bool to_half = std::is_same_v<To, float16> || std::is_same_v<To, bfloat16>;
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (from_half) {
    return convert<float, To>(to_float(value));
  } else if constexpr (to_half) {
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
  if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>)
    return convert<float, T>(to_float(a) + to_float(b));
  else
    return a + b;
}

}  // namespace ranvier::detail
