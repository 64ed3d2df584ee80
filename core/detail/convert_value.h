// Which element types are only stored, and conversion of one element to another type.
#pragma once

#include <limits>
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

/// A float as an integer: cut towards 0 and held within the range of To; NaN is 0.
template <class To, class From>
RV_HD To to_integer(From value) {
  constexpr To least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
  if (value >= static_cast<From>(most)) return most;  // i64's largest rounds up to 2^63
  if (value <= static_cast<From>(least)) return least;
  return value == value ? static_cast<To>(value) : To{0};
}

/// `value` as another element type; of an i64, u8 keeps the lowest 8 bits.
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
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return to_integer<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace ranvier::detail
