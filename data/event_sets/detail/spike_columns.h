// From the numbers of a file to the columns of events.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ranvier/data/detail/h5/type.h"

namespace ranvier::detail {

/// Later times are taken for damage: thirty years.
inline constexpr double latest_seconds = 1e9;

/// Converts `count` times in seconds, in the machine's order of bytes, to whole microseconds: the
/// nearest to 1e6 times the value as f64. Returns the index of the first that is not in
/// [0, latest_seconds], else `count`.
std::size_t to_microseconds(const h5::NumberType& type, const std::uint8_t* numbers,
                            std::size_t count, std::int64_t* out);

/// Converts `count` channels. Returns the index of the first that is no whole number in
/// [0, `channels`), else `count`; `channels` is at most 32768.
std::size_t to_channels(const h5::NumberType& type, const std::uint8_t* numbers, std::size_t count,
                        std::int64_t channels, std::int16_t* out);

/// One number, for error texts.
double number_at(const h5::NumberType& type, const std::uint8_t* numbers, std::size_t index);

}  // namespace ranvier::detail
