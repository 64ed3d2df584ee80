#include "apps/drawing/png.h"

#include <png.h>

#include <algorithm>

#include "ranvier/core/error.h"

namespace ranvier::apps {

std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> pixels, std::int64_t height,
                                     std::int64_t width, std::int64_t channels) {
  constexpr std::int64_t most = 16384;
  RV_CHECK(height >= 1 && height <= most && width >= 1 && width <= most,
           "[png] height and width must be in [1, {}]; got {} x {}.", most, height, width);
  RV_CHECK(channels == 1 || channels == 3, "[png] channels must be 1 or 3; got {}.", channels);
  RV_CHECK(static_cast<std::int64_t>(pixels.size()) == height * width * channels,
           "[png] {} x {} x {} needs {} bytes; got {}.", height, width, channels,
           height * width * channels, pixels.size());
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;

  std::vector<std::uint8_t> file(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = file.size();
  const int written =
      png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr);
  RV_ASSERT(written != 0, "[png] libpng says: {}.", image.message);
  file.resize(size);
  return file;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace ranvier::apps
