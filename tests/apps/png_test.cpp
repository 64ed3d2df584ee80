#include "apps/drawing/png.h"

#include <png.h>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::apps {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string base64_of(const std::string& text) { return base64(Bytes(text.begin(), text.end())); }

// The pixels of a PNG file, read by libpng.
Bytes decoded(const Bytes& file, unsigned format) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, file.data(), file.size()) != 0);
  image.format = format;
  Bytes pixels(PNG_IMAGE_SIZE(image));
  REQUIRE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0);
  return pixels;
}

}  // namespace

TEST_CASE("base 64 is that of RFC 4648") {
  CHECK(base64_of("") == "");
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64(Bytes{0xfb, 0xff, 0xfe}) == "+//+");
}

TEST_CASE("an image comes back from its PNG file as it was") {
  const Bytes grey{0, 1, 127, 128, 254, 255};
  CHECK(decoded(encode_png(grey, 2, 3, 1), PNG_FORMAT_GRAY) == grey);
  const Bytes colour{255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7};
  CHECK(decoded(encode_png(colour, 2, 2, 3), PNG_FORMAT_RGB) == colour);
}

TEST_CASE("noise, which does not compress, is encoded too") {
  Bytes noise(64 * 64 * 3);
  std::uint32_t state = 1;
  for (auto& byte : noise) byte = static_cast<std::uint8_t>((state = state * 1664525 + 7) >> 24);
  CHECK(decoded(encode_png(noise, 64, 64, 3), PNG_FORMAT_RGB) == noise);
}

TEST_CASE("images of other kinds are refused") {
  CHECK_ERROR(encode_png(Bytes(8), 2, 2, 2), ErrorCode::invalid_argument,
              "[png] channels must be 1 or 3; got 2.");
  CHECK_ERROR(encode_png(Bytes(8), 2, 2, 1), ErrorCode::invalid_argument,
              "[png] 2 x 2 x 1 needs 4 bytes; got 8.");
  CHECK_ERROR(encode_png({}, 0, 2, 1), ErrorCode::invalid_argument,
              "[png] height and width must be in [1, 16384]; got 0 x 2.");
  CHECK_ERROR(encode_png({}, 1, std::int64_t{1} << 40, 1), ErrorCode::invalid_argument,
              "got 1 x 1099511627776.");
}

}  // namespace ranvier::apps
