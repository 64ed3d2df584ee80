// Small images inside a page of text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ranvier::apps {

/// An image in PNG's format from `pixels` u8 [H, W, C], C = 1 (grey) or 3 (RGB). Errors: extents
/// below 1 or above 16384, another C, another number of pixels.
std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> pixels, std::int64_t height,
                                     std::int64_t width, std::int64_t channels);

/// RFC 4648's base 64, padded.
std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace ranvier::apps
