#include "ranvier/data/generate/image_encoding.h"

#include <algorithm>
#include <map>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

/// An image of the given pixels, in rows of `width`.
Tensor image_of(const std::vector<std::uint8_t>& pixels, std::int64_t width) {
  Tensor image =
      empty({static_cast<std::int64_t>(pixels.size()) / width, width, 1}, {.dtype = DType::u8});
  std::copy(pixels.begin(), pixels.end(), image.mutable_data<std::uint8_t>());
  return image;
}

std::vector<std::int64_t> counts(const Recording& recording) {
  std::vector<std::int64_t> result(
      static_cast<std::size_t>(recording.sensor.width * recording.sensor.height));
  for (std::size_t i = 0; i < recording.events.t.size(); ++i)
    ++result[static_cast<std::size_t>(recording.events.y[i] * recording.sensor.width +
                                      recording.events.x[i])];
  return result;
}

/// A bright square of 4 x 4 on a dark ground of 12 x 12.
Tensor square() {
  std::vector<std::uint8_t> pixels(144, 10);
  for (std::size_t y = 4; y < 8; ++y)
    for (std::size_t x = 4; x < 8; ++x) pixels[12 * y + x] = 250;
  return image_of(pixels, 12);
}

}  // namespace

TEST_CASE("rates are in proportion to intensity") {
  RandomStream random({.seed = 5}, 0);
  const Recording recording =
      encode(image_of({0, 51, 102, 255, 255, 204}, 3),
             RateEncoding{.max_rate = 1000, .duration = 10'000'000}, random);
  CHECK(recording.sensor == Sensor{.width = 3, .height = 2});
  CHECK(in_time_order(recording.events));
  CHECK(recording.events.t.back() < 10'000'000);
  const auto found = counts(recording);
  const std::vector<double> expected{0, 2000, 4000, 10000, 10000, 8000};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    // Poisson: the variance is the mean; five deviations.
    CHECK(std::abs(static_cast<double>(found[i]) - expected[i]) <= 5 * std::sqrt(expected[i]));
  }
}

TEST_CASE("the spikes of a rate are spread evenly over the duration") {
  RandomStream random({.seed = 6}, 0);
  const Recording recording =
      encode(image_of({255}, 1), RateEncoding{.max_rate = 1000, .duration = 10'000'000}, random);
  std::map<std::int64_t, int> tenths;
  for (const std::int64_t t : recording.events.t) ++tenths[t / 1'000'000];
  CHECK(tenths.size() == 10);
  for (const auto& [tenth, count] : tenths) CHECK(std::abs(count - 1000) < 160);
}

TEST_CASE("the same seed draws the same spikes") {
  const Tensor image = square();
  const auto draw = [&](std::uint64_t seed) {
    RandomStream random({.seed = seed}, 7);
    return encode(image, RateEncoding{}, random).events;
  };
  CHECK(draw(1) == draw(1));
  CHECK_FALSE(draw(1) == draw(2));
}

TEST_CASE("the brighter a pixel the earlier its only spike") {
  std::vector<std::uint8_t> ramp(256);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<std::uint8_t>(i);
  for (const LatencyCurve curve : {LatencyCurve::linear, LatencyCurve::logarithmic}) {
    const Recording recording =
        encode(image_of(ramp, 16), LatencyEncoding{.curve = curve, .threshold = 0.1});
    CHECK(in_time_order(recording.events));
    CHECK(recording.events.t.back() < 100'000);
    const auto found = counts(recording);
    std::map<std::int64_t, std::int64_t> times;  // by intensity
    for (std::size_t i = 0; i < recording.events.t.size(); ++i)
      times[16 * recording.events.y[i] + recording.events.x[i]] = recording.events.t[i];
    for (const auto& [intensity, time] : times) {
      CHECK(found[static_cast<std::size_t>(intensity)] == 1);
      CHECK(intensity > 25);  // 0.1 of 255
      if (times.contains(intensity - 1)) CHECK(time < times[intensity - 1]);
    }
    CHECK(times.contains(255));
    CHECK(times.size() == (curve == LatencyCurve::linear ? 230 : 204));
  }
  const Recording recording = encode(image_of({255, 128}, 2), LatencyEncoding{});
  CHECK(recording.events.t == std::vector<std::int64_t>{0, 49803});
}

TEST_CASE("a moving eye sees edges in both polarities, and nothing on a flat image") {
  const Recording recording = encode(square(), SaccadeEncoding{});
  CHECK(recording.sensor == Sensor{12, 12, 2});
  CHECK(in_time_order(recording.events));
  CHECK((recording.events.t.front() >= 0 && recording.events.t.back() <= 300'000));
  const auto on = std::count(recording.events.p.begin(), recording.events.p.end(), 1);
  CHECK((on > 50 && recording.events.size() - on > 50));
  // The eye comes back to where it was, so what brightened darkened again.
  CHECK(std::abs(2 * on - recording.events.size()) <= 2 * 144);
  // Far from the square nothing changes: the eye moves by four pixels, up and to the left.
  CHECK(counts(recording)[12 * 11 + 11] == 0);
  for (std::int64_t saccade = 0; saccade < 3; ++saccade)
    CHECK(std::any_of(recording.events.t.begin(), recording.events.t.end(),
                      [&](std::int64_t t) { return t / 100'000 == saccade; }));
  for (const std::uint8_t gray : {0, 100, 255})
    CHECK(encode(image_of(std::vector<std::uint8_t>(144, gray), 12), SaccadeEncoding{})
              .events.empty());
  CHECK(encode(square(), SaccadeEncoding{.amplitude = 0}).events.empty());
}

TEST_CASE("a lower threshold sees more, and finer steps see the same") {
  const auto seen = [](const SaccadeEncoding& options) {
    return encode(square(), options).events.size();
  };
  CHECK(seen({.threshold = 0.15}) > 3 * seen({.threshold = 0.45}) / 2);
  CHECK(std::abs(seen({.step = 100}) - seen({.step = 1000})) < seen({}) / 10);
}

TEST_CASE("images that cannot be encoded are refused with the reason") {
  constexpr ErrorCode invalid = ErrorCode::invalid_argument;
  RandomStream random({}, 0);
  CHECK_ERROR(encode(zeros({2, 2, 3}, {.dtype = DType::u8}), LatencyEncoding{}), invalid,
              "[encode] the image must be u8 [H, W, 1]; got u8 (2, 2, 3).");
  CHECK_ERROR(encode(zeros({2, 2, 1}), LatencyEncoding{}), invalid, "got f32 (2, 2, 1).");
  CHECK_ERROR(encode(Tensor(), SaccadeEncoding{}), invalid, "got none.");
  CHECK_ERROR(encode(zeros({0, 2, 1}, {.dtype = DType::u8}), SaccadeEncoding{}), invalid,
              "extents must be in [1, 32768]; got 0 x 2.");
  CHECK_ERROR(encode(square(), RateEncoding{.max_rate = -1}, random), invalid, "max_rate must be");
  CHECK_ERROR(encode(square(), RateEncoding{.duration = 0}, random), invalid, "duration must be");
  CHECK_ERROR(encode(square(), LatencyEncoding{.threshold = 1}), invalid, "threshold must be");
  CHECK_ERROR(encode(square(), SaccadeEncoding{.threshold = 0}), invalid, "threshold must be");
  CHECK_ERROR(encode(square(), SaccadeEncoding{.floor = 0}), invalid, "floor must be");
  CHECK_ERROR(encode(square(), SaccadeEncoding{.saccade = 10, .step = 11}), invalid,
              "step must be in [1, saccade = 10] us; got 11.");
}

}  // namespace ranvier::test
