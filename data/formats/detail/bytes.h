// Integers in files, whatever the byte order of the machine.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ranvier::detail {

using Bytes = std::span<const std::uint8_t>;

/// The number whose bytes begin at `at`, lowest first.
template <std::unsigned_integral T>
T load_le(const std::uint8_t* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | T{at[i]} << (8 * i));
  return value;
}

/// The number whose bytes begin at `at`, highest first.
template <std::unsigned_integral T>
T load_be(const std::uint8_t* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | T{at[i]} << (8 * (sizeof(T) - 1 - i)));
  return value;
}

/// Appends the bytes of `value`, lowest first.
template <std::unsigned_integral T>
void append_le(std::vector<std::uint8_t>& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// Appends the bytes of `value`, highest first.
template <std::unsigned_integral T>
void append_be(std::vector<std::uint8_t>& bytes, T value) {
  for (std::size_t i = sizeof(T); i > 0; --i)
    bytes.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
}

}  // namespace ranvier::detail
