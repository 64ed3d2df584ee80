// The structures of an HDF5 file as bytes, in the earliest version of the format, which everything
// that reads HDF5 understands.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranvier/core/dtype.h"

namespace ranvier::detail::h5 {

/// Appends little-endian numbers to bytes.
class Encoder {
 public:
  std::vector<std::uint8_t> bytes;

  Encoder& text(std::string_view text) {
    for (const char c : text) bytes.push_back(static_cast<std::uint8_t>(c));
    return *this;
  }
  Encoder& number(std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  Encoder& u8(std::uint64_t value) { return number(value, 1); }
  Encoder& u16(std::uint64_t value) { return number(value, 2); }
  Encoder& u32(std::uint64_t value) { return number(value, 4); }
  Encoder& u64(std::uint64_t value) { return number(value, 8); }
  Encoder& append(const Encoder& other) {
    bytes.insert(bytes.end(), other.bytes.begin(), other.bytes.end());
    return *this;
  }
  /// Zeros up to a multiple of `multiple` bytes.
  Encoder& pad(std::size_t multiple) {
    bytes.resize((bytes.size() + multiple - 1) / multiple * multiple);
    return *this;
  }
};

/// The 96 bytes at the beginning of a file of `file_bytes`, whose root group is at `root`.
Encoder encode_superblock(std::uint64_t root, std::uint64_t file_bytes);
inline constexpr std::size_t superblock_bytes = 96;

/// Types of elements: f16, f32, f64; u16; texts of `size` bytes, padded with zeros; sequences.
Encoder encode_float(DType type);
Encoder encode_u16();
Encoder encode_text(std::uint32_t size);
Encoder encode_sequence(const Encoder& element);

/// The header of a list of `count` elements that lie in one piece of `bytes` at `address`.
Encoder encode_list(const Encoder& type, std::uint64_t count, std::uint64_t address,
                    std::uint64_t bytes);

/// Name and address of each member, at most 8 and in the order of names.
using Members = std::vector<std::pair<std::string, std::uint64_t>>;
/// A group that lies at `address`; its header comes first.
Encoder encode_group(const Members& members, std::uint64_t address);

/// A heap of objects, numbered from 1 in the order they are added.
class HeapEncoder {
 public:
  /// Adds an object and returns its number.
  std::uint32_t add(std::span<const std::uint8_t> object);
  bool empty() const { return count_ == 0; }
  /// True once the heap is large enough, or has no number left: time to begin another.
  bool full() const { return objects_.bytes.size() >= least_bytes || count_ > 60000; }
  /// The heap's bytes, for where the first object was to go; empty afterwards.
  Encoder take();

 private:
  static constexpr std::size_t head_bytes = 16, least_bytes = 4096;  // HDF5 makes none smaller
  Encoder objects_;
  std::uint32_t count_ = 0;
};

/// A sequence or text of `length` elements: object `index` of the heap at `address`.
void encode_reference(Encoder& out, std::uint32_t length, std::uint64_t address,
                      std::uint32_t index);

}  // namespace ranvier::detail::h5
