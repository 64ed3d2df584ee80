// Element types of tensors.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "ranvier/core/error.h"
#include "ranvier/core/platform.h"

namespace ranvier {

/// Element type. `bits` packs spikes 64 to a word: every row (last axis) starts on a new word, so
/// a row of C spikes takes ceil(C / 64) words and unused high bits are zero. `f16` and `bf16` are
/// storage formats: arithmetic happens in f32.
enum class DType : std::uint8_t { f32, f64, f16, bf16, u8, i64, bits };

/// "f32", "bits", ...
std::string_view name(DType dtype);

/// Bytes of one element. Error: `bits` has no addressable element.
std::int64_t element_size(DType dtype);

/// f32, f64, f16 and bf16.
bool is_floating(DType dtype);

/// bfloat16 storage: the upper half of an f32, rounded to nearest even.
struct bfloat16 {
  std::uint16_t raw = 0;
};

/// IEEE binary16 storage.
struct float16 {
  std::uint16_t raw = 0;
};

RV_HD float to_float(bfloat16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.raw) << 16);
}

RV_HD bfloat16 to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return {static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40u : rounded >> 16)};
}

RV_HD float to_float(float16 x) {
  const std::uint32_t sign = (x.raw & 0x8000u) << 16;
  const std::uint32_t exponent = (x.raw >> 10) & 0x1fu;
  const std::uint32_t fraction = x.raw & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

/// Rounds to nearest even; overflow becomes infinity.
RV_HD float16 to_float16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u)};
  if (magnitude >= 0x47800000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) {
    // Adding 0.5 aligns the subnormal's 2^-24 step with the last bit of the f32 significand.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    return {
        static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) - 0x3f000000u))};
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return {static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

/// 64-bit words of one packed row of `columns` spikes.
constexpr std::int64_t words_per_row(std::int64_t columns) { return (columns + 63) / 64; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<float16> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::uint64_t> {
  static constexpr DType value = DType::bits;
};

/// The DType that stores `T`; packed spikes are accessed as `std::uint64_t` words.
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace ranvier

template <>
struct fmt::formatter<ranvier::DType> : ranvier::detail::TextFormatter {
  auto format(ranvier::DType dtype, fmt::format_context& context) const {
    return write(ranvier::name(dtype), context);
  }
};
