// The words of Prophesee's encodings as events.
#pragma once

#include <cstdint>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

/// Appends the events of the words from byte `first` of a file on to `recording`, whose sensor is
/// known. Errors: those of `parse_evt`.
void decode_evt2(Bytes content, std::int64_t first, Recording& recording, const ReadPlace& place,
                 const ReadOptions& options);
void decode_evt3(Bytes content, std::int64_t first, Recording& recording, const ReadPlace& place,
                 const ReadOptions& options);

}  // namespace ranvier::detail
