// The text at the beginning of Prophesee's files: lines "% key value".
#pragma once

#include <cstdint>
#include <string_view>

#include "ranvier/data/formats/detail/bytes.h"

namespace ranvier::detail {

/// A view into the content of a file, which must outlive it.
class PropheseeHeader {
 public:
  /// Takes the lines that begin with "% ", up to "% end" or to what is no text.
  explicit PropheseeHeader(Bytes content);

  /// Bytes that it takes; the data follow.
  std::int64_t size() const { return static_cast<std::int64_t>(text_.size()); }
  /// What follows `key`, or "" if there is no such line.
  std::string_view value(std::string_view key) const;

 private:
  std::string_view text_;
};

}  // namespace ranvier::detail
