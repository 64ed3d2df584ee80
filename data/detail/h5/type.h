// Element types of HDF5 data sets: numbers, texts, and sequences of numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "ranvier/core/dtype.h"
#include "ranvier/data/detail/h5/object.h"

namespace ranvier::detail::h5 {

/// How a number lies in the file: 1, 2, 4 or 8 bytes; IEEE formats if `floating`.
struct NumberType {
  bool floating = false;
  bool is_signed = false;
  bool big_endian = false;
  std::uint32_t size = 1;
};

enum class TypeKind {
  number,
  text,      ///< of a fixed length, padded with zeros or spaces
  sequence,  ///< of numbers, of any length
  text_of_any_length,
  other,  ///< all that we do not read
};

struct ElementType {
  TypeKind kind = TypeKind::other;
  std::uint32_t size = 0;  ///< bytes in the data set
  NumberType number = {};  ///< itself, or what a sequence is made of
};

/// The type of a data set's elements. Error: the message cannot be understood.
ElementType read_type(const Source& source, const Message& message);

/// Reverses the bytes of each number where the file's order is not the machine's.
void to_machine_order(const NumberType& type, std::span<std::uint8_t> numbers);

/// Calls `use.operator()<T>()` with the type of a number: std::int8_t ... std::uint64_t, float16,
/// float or double.
template <class Use>
auto visit_number(const NumberType& type, Use&& use) {
  const bool s = type.is_signed;
  switch (type.size) {
    case 1:
      return s ? use.template operator()<std::int8_t>() : use.template operator()<std::uint8_t>();
    case 2:
      if (type.floating) return use.template operator()<float16>();
      return s ? use.template operator()<std::int16_t>() : use.template operator()<std::uint16_t>();
    case 4:
      if (type.floating) return use.template operator()<float>();
      return s ? use.template operator()<std::int32_t>() : use.template operator()<std::uint32_t>();
    default:
      if (type.floating) return use.template operator()<double>();
      return s ? use.template operator()<std::int64_t>() : use.template operator()<std::uint64_t>();
  }
}

/// The `index`-th number of bytes in the machine's order.
template <class T>
T load(const std::uint8_t* numbers, std::size_t index) {
  T value;
  std::memcpy(&value, numbers + index * sizeof(T), sizeof(T));
  return value;
}

/// Any number as f64: exact but for integers beyond 2^53.
template <class T>
double widen(T value) {
  if constexpr (std::is_same_v<T, float16>)
    return static_cast<double>(to_float(value));
  else
    return static_cast<double>(value);
}

}  // namespace ranvier::detail::h5
