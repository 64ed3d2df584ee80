#include "ranvier/data/detail/h5/type.h"

#include <algorithm>
#include <array>

namespace ranvier::detail::h5 {
namespace {

enum Class : std::uint8_t { fixed_point = 0, floating_point = 1, string = 3, variable_length = 9 };

struct Head {
  std::uint8_t type_class;
  std::uint8_t bits[3];
  std::uint32_t size;
};

Head read_head(Cursor& cursor) {
  Head head;
  head.type_class = cursor.u8() & 0x0f;
  for (std::uint8_t& byte : head.bits) byte = cursor.u8();
  head.size = cursor.u32();
  return head;
}

/// True if the next bytes describe the IEEE float of `size` bytes.
bool is_ieee(Cursor& cursor, std::uint8_t sign_place, std::uint32_t size) {
  struct Format {
    std::uint32_t size;
    std::uint8_t exponent_place, exponent_bits, fraction_bits;
    std::uint32_t bias;
  };
  constexpr std::array<Format, 3> formats = {
      {{2, 10, 5, 10, 15}, {4, 23, 8, 23, 127}, {8, 52, 11, 52, 1023}}};
  const std::uint16_t offset = cursor.u16(), precision = cursor.u16();
  const std::uint8_t exponent_place = cursor.u8(), exponent_bits = cursor.u8();
  const std::uint8_t fraction_place = cursor.u8(), fraction_bits = cursor.u8();
  const std::uint32_t bias = cursor.u32();
  return offset == 0 && precision == 8 * size && fraction_place == 0 &&
         sign_place == precision - 1 &&
         std::any_of(formats.begin(), formats.end(), [&](const Format& f) {
           return f.size == size && f.exponent_place == exponent_place &&
                  f.exponent_bits == exponent_bits && f.fraction_bits == fraction_bits &&
                  f.bias == bias;
         });
}

/// False if it is no number that we read.
bool read_number(Cursor& cursor, const Head& head, NumberType& number) {
  number.big_endian = (head.bits[0] & 1) != 0;
  number.size = head.size;
  if (head.type_class == floating_point) {
    number.floating = number.is_signed = true;
    const bool vax = (head.bits[0] & 0x40) != 0;
    return is_ieee(cursor, head.bits[1], head.size) && !vax;
  }
  if (head.type_class != fixed_point) return false;
  number.is_signed = (head.bits[0] & 8) != 0;
  const std::uint16_t offset = cursor.u16(), precision = cursor.u16();
  return head.size <= 8 && std::has_single_bit(head.size) && offset == 0 &&
         precision == 8 * head.size;
}

}  // namespace

ElementType read_type(const Source& source, const Message& message) {
  Cursor cursor(source, "datatype message", message.address, message.data);
  cursor.require(!message.shared, "names a type that lies elsewhere, which is not read here");
  const Head head = read_head(cursor);
  ElementType type{.size = head.size};
  if (head.type_class == string) {
    type.kind = TypeKind::text;
  } else if (head.type_class == variable_length) {
    cursor.require(head.size == 16, "describes references of another size than 16 bytes");
    const bool text = (head.bits[0] & 0x0f) == 1;
    const Head base = read_head(cursor);
    if (text)
      type.kind = TypeKind::text_of_any_length;
    else if (read_number(cursor, base, type.number))
      type.kind = TypeKind::sequence;
  } else if (read_number(cursor, head, type.number)) {
    type.kind = TypeKind::number;
  }
  return type;
}

void to_machine_order(const NumberType& type, std::span<std::uint8_t> numbers) {
  if (type.big_endian == (std::endian::native == std::endian::big)) return;
  for (std::size_t i = 0; i + type.size <= numbers.size(); i += type.size)
    std::reverse(&numbers[i], &numbers[i] + type.size);
}

}  // namespace ranvier::detail::h5
