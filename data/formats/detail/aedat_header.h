// The text at the beginning of AEDAT 2.0 and 3.1 files: lines that begin with "#".
#pragma once

#include <cstdint>
#include <string_view>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

inline constexpr std::int64_t most_aedat_header_bytes = 1 << 20;

/// A view into the beginning of a file, which must outlive it.
class AedatHeader {
 public:
  /// Takes lines up to `last`, or, if that is "", to what does not begin with "#". Errors: the
  /// first line does not say `version` ("2.0"); the last one, or its end, is not among the first
  /// `most_aedat_header_bytes`.
  AedatHeader(Bytes content, std::string_view version, std::string_view last,
              const ReadPlace& place);

  /// Bytes that it takes; the data follow.
  std::int64_t size() const { return static_cast<std::int64_t>(text_.size()); }
  /// What follows `beginning` in the first line that begins so, or "" if there is none.
  std::string_view after(std::string_view beginning) const;

 private:
  std::string_view text_;
};

}  // namespace ranvier::detail
