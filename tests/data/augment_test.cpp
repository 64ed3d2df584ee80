#include "ranvier/data/augment.h"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// A 5 x 6 image of `channels` whose bytes are all different and none of them zero.
std::vector<std::uint8_t> numbered_image(int channels) {
  std::vector<std::uint8_t> image(static_cast<std::size_t>(5 * 6 * channels));
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i + 1);
  return image;
}

std::vector<float> apply(const Augment& augment, const std::vector<std::uint8_t>& image,
                         std::int64_t sample = 0, Draw draw = {}) {
  std::vector<float> out(image.size(), -1.0f);
  augment(image.data(), sample, draw, out.data());
  return out;
}

/// What shifting and then mirroring means, pixel by pixel.
std::vector<float> moved(const std::vector<std::uint8_t>& image, int channels, int down, int right,
                         bool mirrored) {
  std::vector<float> out(image.size());
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x)
      for (int c = 0; c < channels; ++c) {
        const int from_y = y - down;
        const int from_x = (mirrored ? 5 - x : x) - right;
        const bool inside = from_y >= 0 && from_y < 5 && from_x >= 0 && from_x < 6;
        out[static_cast<std::size_t>((y * 6 + x) * channels + c)] =
            inside ? image[static_cast<std::size_t>((from_y * 6 + from_x) * channels + c)] : 0;
      }
  return out;
}

}  // namespace

TEST_CASE("without options images become floats in [0, 1]") {
  const std::vector<float> out = apply(Augment({}, {1, 1, 3}), {0, 51, 255});
  CHECK(out[0] == 0.0f);
  CHECK(out[1] == Approx(0.2f));
  CHECK(out[2] == Approx(1.0f));
}

TEST_CASE("images are normalised per channel") {
  const Augment augment({.mean = {0.5f, 0.25f}, .deviation = {0.5f, 2.0f}}, {1, 2, 2});
  const std::vector<float> out = apply(augment, {0, 0, 255, 255});
  CHECK(out[0] == Approx(-1.0f));
  CHECK(out[1] == Approx(-0.125f));
  CHECK(out[2] == Approx(1.0f));
  CHECK(out[3] == Approx(0.375f));
}

TEST_CASE("every shift and mirroring is drawn, and nothing else") {
  for (const int channels : {1, 3}) {
    // Deviation 1/255 undoes the scaling, so that values are comparable to the bytes.
    const Augment augment({.shift = 2, .flip = true, .deviation = {1.0f / 255.0f}},
                          {5, 6, channels});
    const std::vector<std::uint8_t> image = numbered_image(channels);
    std::set<std::vector<float>> drawn;
    for (std::int64_t sample = 0; sample < 2000; ++sample) {
      std::vector<float> out = apply(augment, image, sample);
      for (float& value : out) value = std::round(value);
      drawn.insert(out);
    }
    std::set<std::vector<float>> expected;
    for (int down = -2; down <= 2; ++down)
      for (int right = -2; right <= 2; ++right)
        for (const bool mirrored : {false, true})
          expected.insert(moved(image, channels, down, right, mirrored));
    CHECK(drawn == expected);
  }
}

TEST_CASE("pixels that move in are zero bytes, normalised like all others") {
  const Augment augment({.shift = 4, .mean = {0.5f}, .deviation = {0.5f}}, {5, 6, 1});
  for (std::int64_t sample = 0; sample < 50; ++sample) {
    const std::vector<float> out =
        apply(augment, std::vector<std::uint8_t>(30, std::uint8_t{255}), sample);
    CHECK(std::all_of(out.begin(), out.end(),
                      [](float x) { return x == Approx(1.0f) || x == -1.0f; }));
  }
}

TEST_CASE("a variation depends on seed, epoch and sample alone") {
  const Augment augment({.shift = 2, .flip = true}, {5, 6, 1});
  const std::vector<std::uint8_t> image = numbered_image(1);
  const auto series = [&](Draw draw) {
    std::vector<std::vector<float>> all;
    for (std::int64_t sample = 0; sample < 20; ++sample)
      all.push_back(apply(augment, image, sample, draw));
    return all;
  };
  CHECK(series({.seed = 1, .epoch = 2}) == series({.seed = 1, .epoch = 2}));
  CHECK(series({.seed = 1, .epoch = 2}) != series({.seed = 1, .epoch = 3}));
  CHECK(series({.seed = 1, .epoch = 2}) != series({.seed = 2, .epoch = 2}));
}

TEST_CASE("augmentation options that make no sense are refused") {
  const Shape shape{5, 6, 3};
  CHECK_ERROR(Augment({}, Shape{5, 6}), invalid,
              "[augment] an image must have the shape [H, W, C]; got (5, 6).");
  CHECK_ERROR(Augment({.shift = -1}, shape), invalid, "[augment] shift must be >= 0; got -1.");
  CHECK_ERROR(Augment({.shift = 5}, shape), invalid,
              "[augment] shift must be smaller than the image; got 5 for (5, 6, 3).");
  CHECK_ERROR(Augment({.mean = {0, 0}}, shape), invalid,
              "[augment] mean must have one value or one for each of 3 channels; got 2.");
  CHECK_ERROR(Augment({.mean = {std::numeric_limits<float>::infinity()}}, shape), invalid,
              "[augment] mean must be finite; got inf.");
  CHECK_ERROR(Augment({.deviation = {0}}, shape), invalid,
              "[augment] deviation must be > 0; got 0.");
}

}  // namespace ranvier::test
