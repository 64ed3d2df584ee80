#include "ranvier/data/detail/h5/encode.h"

#include "ranvier/core/error.h"
#include "ranvier/data/detail/h5/object.h"

namespace ranvier::detail::h5 {
namespace {

// How many members the tables of a group are made for; written in the superblock.
constexpr std::size_t table_half = 4, tree_half = 16;
constexpr std::size_t header_bytes = 16, most_members = 2 * table_half;
constexpr std::size_t tree_bytes = 24 + 8 * (2 * tree_half + 1) + 8 * 2 * tree_half;
constexpr std::size_t table_bytes = 8 + 40 * 2 * table_half;

void add_message(Encoder& messages, MessageType type, Encoder data) {
  data.pad(8);
  messages.u16(static_cast<std::uint16_t>(type)).u16(data.bytes.size()).u32(0).append(data);
}

Encoder encode_object(const Encoder& messages, std::size_t count) {
  Encoder object;
  object.u8(1).u8(0).u16(count).u32(1).u32(messages.bytes.size()).u32(0).append(messages);
  return object;
}

}  // namespace

Encoder encode_superblock(std::uint64_t root, std::uint64_t file_bytes) {
  Encoder block;
  block.text("\x89HDF\r\n\x1a\n").u32(0).u8(0).u8(8).u8(8).u8(0);
  block.u16(table_half).u16(tree_half).u32(0);
  block.u64(0).u64(nowhere).u64(file_bytes).u64(nowhere);
  block.u64(0).u64(root).u64(0).u64(0).u64(0);  // the root's entry in a table of its own
  return block;
}

Encoder encode_float(DType type) {
  const auto size = static_cast<std::uint64_t>(element_size(type));
  const std::uint64_t exponent_bits = type == DType::f16 ? 5 : type == DType::f32 ? 8 : 11;
  const std::uint64_t fraction_bits = 8 * size - 1 - exponent_bits;
  Encoder message;
  message.u8(0x11).u8(0x20).u8(8 * size - 1).u8(0).u32(size);  // 0x20: the first 1 is not stored
  message.u16(0).u16(8 * size).u8(fraction_bits).u8(exponent_bits).u8(0).u8(fraction_bits);
  message.u32((std::uint64_t{1} << (exponent_bits - 1)) - 1);
  return message;
}

Encoder encode_u16() {
  Encoder message;
  message.u8(0x10).u8(0).u16(0).u32(2).u16(0).u16(16);
  return message;
}

Encoder encode_text(std::uint32_t size) {
  Encoder message;
  message.u8(0x13).u8(0x11).u16(0).u32(size);  // padded with zeros, UTF-8
  return message;
}

Encoder encode_sequence(const Encoder& element) {
  Encoder message;
  message.u8(0x19).u8(0).u16(0).u32(16).append(element);
  return message;
}

Encoder encode_list(const Encoder& type, std::uint64_t count, std::uint64_t address,
                    std::uint64_t bytes) {
  Encoder messages, space, layout;
  space.u8(1).u8(1).u8(0).u8(0).u32(0).u64(count);
  layout.u8(3).u8(1).u64(address).u64(bytes);
  add_message(messages, MessageType::dataspace, space);
  add_message(messages, MessageType::datatype, type);
  add_message(messages, MessageType::layout, layout);
  return encode_object(messages, 3);
}

Encoder encode_group(const Members& members, std::uint64_t address) {
  RV_ASSERT(members.size() <= most_members, "[h5] a group of {} members", members.size());
  const std::uint64_t tree = address + header_bytes + 24, table = tree + tree_bytes;
  const std::uint64_t heap = table + table_bytes;

  Encoder names, entries;
  names.u64(0);  // the name before all others
  std::uint64_t last = 0;
  for (const auto& [name, place] : members) {
    last = names.bytes.size();
    entries.u64(last).u64(place).u64(0).u64(0).u64(0);
    names.text(name).u8(0).pad(8);
  }

  Encoder messages, where, group;
  where.u64(tree).u64(heap);
  add_message(messages, MessageType::symbol_table, where);
  group = encode_object(messages, 1);
  group.text("TREE").u8(0).u8(0).u16(members.empty() ? 0 : 1).u64(nowhere).u64(nowhere);
  group.u64(0).u64(table).u64(last);
  group.bytes.resize(table - address);
  group.text("SNOD").u8(1).u8(0).u16(members.size()).append(entries);
  group.bytes.resize(heap - address);
  constexpr std::uint64_t no_free_block = 1;
  group.text("HEAP").u32(0).u64(names.bytes.size()).u64(no_free_block).u64(heap + 32);
  return group.append(names);
}

std::uint32_t HeapEncoder::add(std::span<const std::uint8_t> object) {
  objects_.u16(++count_).u16(0).u32(0).u64(object.size());
  objects_.bytes.insert(objects_.bytes.end(), object.begin(), object.end());
  objects_.pad(8);
  return count_;
}

Encoder HeapEncoder::take() {
  const std::size_t used = head_bytes + objects_.bytes.size();
  const std::size_t bytes = std::max(used, least_bytes);
  Encoder heap;
  heap.bytes.reserve(bytes);
  heap.text("GCOL").u32(1).u64(bytes).append(objects_);
  if (bytes - used >= 16) heap.u64(0).u64(bytes - used);  // the rest is free
  heap.bytes.resize(bytes);
  objects_.bytes.clear();
  count_ = 0;
  return heap;
}

void encode_reference(Encoder& out, std::uint32_t length, std::uint64_t address,
                      std::uint32_t index) {
  out.u32(length).u64(address).u32(index);
}

}  // namespace ranvier::detail::h5
