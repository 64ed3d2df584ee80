// Our own reader of HDF5 files, from bytes upwards. The HDF5 library was not made for hostile files
// and lets one thread in at a time (docs/decisions/0018); of the format we need little: groups,
// one-dimensional data sets, numbers, texts and sequences. Layouts: "HDF5 File Format
// Specification", versions 1.1 to 3.0, The HDF Group.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"

namespace ranvier::detail::h5 {

using Bytes = std::span<const std::uint8_t>;

/// HDF5's way of saying "nowhere".
inline constexpr std::uint64_t nowhere = ~std::uint64_t{0};

/// The file below the structures. Addresses in an HDF5 file count from its superblock on.
class Source {
 public:
  Source(const char* reader, ReadableFile file) : reader_(reader), file_(std::move(file)) {}

  std::uint64_t size() const { return static_cast<std::uint64_t>(file_.size()); }
  const std::string& name() const { return file_.name(); }
  /// From now on addresses are relative to byte `base`.
  void set_base(std::uint64_t base) { base_ = base; }

  /// Error (format): "[shd] FILE: the object header at byte 96 is of version 7."
  [[noreturn]] void fail_at(const char* what, std::uint64_t address, const std::string& how) const {
    fail(ErrorCode::format, "[{}] {}: the {} at byte {} {}.", reader_, name(), what,
         base_ + address, how);
  }
  /// Error (format): "[shd] FILE: there is no group spikes."
  [[noreturn]] void fail_file(const std::string& how) const {
    fail(ErrorCode::format, "[{}] {}: {}.", reader_, name(), how);
  }

  /// Bytes from `address` to the end of the file.
  std::uint64_t room(std::uint64_t address) const {
    return address <= size() - base_ ? size() - base_ - address : 0;
  }
  /// True if the file has `length` bytes at `address`.
  bool holds(std::uint64_t address, std::uint64_t length) const {
    return address <= size() - base_ && length <= room(address);
  }
  /// Reads `out.size()` bytes of the `what` at `address`. Error: the file does not hold them.
  void read(const char* what, std::uint64_t address, std::span<std::uint8_t> out) const {
    if (!holds(address, out.size()))
      fail_at(what, address, "ends beyond the file's " + std::to_string(size()) + " bytes");
    if (file_.read(base_ + address, out) != out.size())
      fail_at(what, address, "went away while it was read");
  }
  std::vector<std::uint8_t> read(const char* what, std::uint64_t address,
                                 std::uint64_t length) const {
    if (!holds(address, length))
      fail_at(what, address, "ends beyond the file's " + std::to_string(size()) + " bytes");
    std::vector<std::uint8_t> bytes(length);
    read(what, address, bytes);
    return bytes;
  }

 private:
  const char* reader_;
  ReadableFile file_;
  std::uint64_t base_ = 0;
};

/// Little-endian number of `bytes.size()` <= 8 bytes.
inline std::uint64_t number(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

/// Takes numbers off the front of a structure; an error where it ends too early.
class Cursor {
 public:
  /// `bytes` of the `what` at `address`.
  Cursor(const Source& source, const char* what, std::uint64_t address, Bytes bytes)
      : source_(source), what_(what), address_(address), bytes_(bytes) {}

  std::size_t left() const { return bytes_.size(); }
  Bytes take(std::uint64_t count) {
    if (count > bytes_.size()) fail("ends too early");
    const Bytes taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  void skip(std::uint64_t count) { take(count); }
  std::uint8_t u8() { return take(1)[0]; }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(take(2))); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(take(4))); }
  std::uint64_t u64() { return number(take(8)); }
  void expect(std::string_view signature) {
    const Bytes found = take(signature.size());
    if (!std::equal(found.begin(), found.end(), signature.begin()))
      fail("does not begin with " + std::string(signature));
  }
  [[noreturn]] void fail(const std::string& how) const { source_.fail_at(what_, address_, how); }
  void require(bool condition, const char* otherwise) const {
    if (!condition) fail(otherwise);
  }

 private:
  const Source& source_;
  const char* what_;
  std::uint64_t address_;
  Bytes bytes_;
};

}  // namespace ranvier::detail::h5
