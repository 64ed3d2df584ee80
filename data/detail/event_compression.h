// Compression of a recording's packed bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ranvier/data/detail/event_packing.h"

namespace ranvier::detail {

/// Data that would unpack to more than this many times their size are kept as they are, so that a
/// reader never takes much memory for a short file.
inline constexpr std::uint64_t max_compression = 1000;

/// Overwrites `stored` with `packed` in the form that takes less room: compressed or as it is.
void compress_events(std::span<const std::uint8_t> packed, std::vector<std::uint8_t>& stored);

/// Overwrites `packed` with the `packed_bytes` that compressed `stored` unpacks to. Error (format),
/// naming `place`: it does not unpack to so many.
void decompress_events(std::span<const std::uint8_t> stored, std::uint64_t packed_bytes,
                       const PackedPlace& place, std::vector<std::uint8_t>& packed);

}  // namespace ranvier::detail
