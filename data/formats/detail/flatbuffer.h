// Reading flatbuffers that may be damaged or hostile. https://flatbuffers.dev/internals
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

/// A part of a file that error texts name: "packet 3 at byte 1200".
struct ReadPart {
  const ReadPlace& place;
  const char* record;
  std::int64_t index;
  std::int64_t offset;  ///< in the file

  [[noreturn]] void fail(const std::string& what) const {
    fail_at(place, record, index, offset, what);
  }
};

/// The root table of a flatbuffer that begins with its own length. Its vtable and every field are
/// checked when they are asked for: nothing outside the buffer is read, whatever the bytes. Fields
/// are read by their number, without alignment, so the buffer may lie anywhere.
class FlatTable {
 public:
  /// Errors, which name `part`: the buffer is cut, has another length than it says, another
  /// `identifier` (4 characters), or a table outside of it.
  FlatTable(Bytes buffer, std::string_view identifier, const ReadPart& part);

  /// A number; `otherwise` if the table does not have it.
  template <class T>
  T number(int field, T otherwise) const {
    const std::int64_t at = field_at(field, sizeof(T));
    return at == 0 ? otherwise
                   : static_cast<T>(load_le<std::make_unsigned_t<T>>(buffer_.data() + at));
  }
  /// The elements of a vector of structs or bytes of `element_bytes` each; none if it is absent.
  Bytes vector(int field, std::int64_t element_bytes) const;
  std::string_view text(int field) const;

 private:
  /// Where a field of `bytes` lies, or 0 if it is absent.
  std::int64_t field_at(int field, std::int64_t bytes) const;
  /// Error unless the buffer has `bytes` bytes from `at` on.
  void require(std::int64_t at, std::int64_t bytes) const;
  template <class T>
  T load(std::int64_t at) const {
    require(at, sizeof(T));
    return load_le<T>(buffer_.data() + at);
  }

  Bytes buffer_;
  ReadPart part_;
  std::int64_t table_ = 0, vtable_ = 0, vtable_bytes_ = 0;
};

/// The first bytes of a flatbuffer, as far as they are there: what kind it is.
std::string_view flatbuffer_identifier(Bytes buffer);

}  // namespace ranvier::detail
