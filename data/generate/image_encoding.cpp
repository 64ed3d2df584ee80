#include "ranvier/data/generate/image_encoding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "ranvier/core/error.h"

namespace ranvier {
namespace {

constexpr std::int64_t longest_duration = 3'600'000'000;  // an hour

/// A checked image.
struct Image {
  explicit Image(const Tensor& image) {
    RV_CHECK(
        image.defined() && image.dtype() == DType::u8 && image.rank() == 3 && image.size(2) == 1,
        "[encode] the image must be u8 [H, W, 1]; got {}.",
        image.defined() ? fmt::format("{} {}", image.dtype(), image.shape()) : "none");
    height = image.size(0);
    width = image.size(1);
    RV_CHECK(height >= 1 && height <= 32768 && width >= 1 && width <= 32768,
             "[encode] the image's extents must be in [1, 32768]; got {} x {}.", height, width);
    pixels = image.data<std::uint8_t>();
  }

  double intensity(std::int64_t y, std::int64_t x) const { return pixels[y * width + x] / 255.0; }

  std::int64_t height, width;
  const std::uint8_t* pixels;
};

void check_duration(const char* what, std::int64_t duration) {
  RV_CHECK(duration >= 1 && duration <= longest_duration,
           "[encode] {} must be in [1, {}] us; got {}.", what, longest_duration, duration);
}

/// Calls `use(y, x)` for every pixel.
template <class Use>
void for_pixels(const Image& image, Use&& use) {
  for (std::int64_t y = 0; y < image.height; ++y)
    for (std::int64_t x = 0; x < image.width; ++x) use(y, x);
}

void add(Events& events, double time, std::int64_t y, std::int64_t x, bool on) {
  events.push_back(static_cast<std::int64_t>(time), static_cast<std::int16_t>(x),
                   static_cast<std::int16_t>(y), on ? 1 : 0);
}

/// What a moving camera sees.
class Camera {
 public:
  Camera(const Image& image, double floor)
      : image_(image), levels_(static_cast<std::size_t>(image.height * image.width)) {
    for_pixels(image_, [&](std::int64_t y, std::int64_t x) {
      levels_[static_cast<std::size_t>(y * image_.width + x)] = image_.intensity(y, x) + floor;
    });
  }

  /// Logarithm of the brightness at a place between pixels, interpolated in both directions.
  double look(double y, double x) const {
    const double top = std::floor(y), left = std::floor(x), v = y - top, u = x - left;
    const auto row = static_cast<std::int64_t>(top), column = static_cast<std::int64_t>(left);
    const double upper = (1 - u) * level(row, column) + u * level(row, column + 1);
    const double lower = (1 - u) * level(row + 1, column) + u * level(row + 1, column + 1);
    return std::log((1 - v) * upper + v * lower);
  }

 private:
  double level(std::int64_t y, std::int64_t x) const {
    y = std::clamp<std::int64_t>(y, 0, image_.height - 1);
    x = std::clamp<std::int64_t>(x, 0, image_.width - 1);
    return levels_[static_cast<std::size_t>(y * image_.width + x)];
  }

  const Image& image_;
  std::vector<double> levels_;
};

struct Place {
  double y, x;
};

/// Where the eye looks after `time`: along the sides of a triangle.
Place eye(const SaccadeEncoding& options, std::int64_t time) {
  const double a = options.amplitude;
  const std::array<Place, 4> corners = {{{0, 0}, {a, a / 2}, {0, a}, {0, 0}}};
  const auto side = static_cast<std::size_t>(std::min<std::int64_t>(time / options.saccade, 2));
  const double part =
      static_cast<double>(time - static_cast<std::int64_t>(side) * options.saccade) /
      static_cast<double>(options.saccade);
  const Place &from = corners[side], &to = corners[side + 1];
  return {from.y + part * (to.y - from.y), from.x + part * (to.x - from.x)};
}

void check(const SaccadeEncoding& options) {
  check_duration("saccade", options.saccade);
  RV_CHECK(options.step >= 1 && options.step <= options.saccade,
           "[encode] step must be in [1, saccade = {}] us; got {}.", options.saccade, options.step);
  RV_CHECK(options.threshold >= 1e-3 && options.threshold <= 100,
           "[encode] threshold must be in [0.001, 100]; got {}.", options.threshold);
  RV_CHECK(options.floor >= 1e-6 && options.floor <= 1,
           "[encode] floor must be in [0.000001, 1]; got {}.", options.floor);
  RV_CHECK(options.amplitude >= 0 && options.amplitude <= 1000,
           "[encode] amplitude must be in [0, 1000] pixels; got {}.", options.amplitude);
}

}  // namespace

Recording encode(const Tensor& tensor, const RateEncoding& options, RandomStream& random) {
  const Image image(tensor);
  check_duration("duration", options.duration);
  RV_CHECK(options.max_rate >= 0 && options.max_rate <= 1e6,
           "[encode] max_rate must be in [0, 1e6] per second; got {}.", options.max_rate);
  Recording recording{.sensor = {.width = image.width, .height = image.height}, .events = {}};
  const auto end = static_cast<double>(options.duration);
  for_pixels(image, [&](std::int64_t y, std::int64_t x) {
    const double rate = 1e-6 * options.max_rate * image.intensity(y, x);  // per microsecond
    if (rate <= 0) return;
    const auto gap = [&] { return -std::log(1 - random.uniform()) / rate; };
    for (double time = gap(); time < end; time += gap()) add(recording.events, time, y, x, true);
  });
  sort_by_time(recording.events);
  return recording;
}

Recording encode(const Tensor& tensor, const LatencyEncoding& options) {
  const Image image(tensor);
  check_duration("duration", options.duration);
  RV_CHECK(options.threshold >= 0 && options.threshold < 1,
           "[encode] threshold must be in [0, 1); got {}.", options.threshold);
  Recording recording{.sensor = {.width = image.width, .height = image.height}, .events = {}};
  const auto end = static_cast<double>(options.duration);
  for_pixels(image, [&](std::int64_t y, std::int64_t x) {
    const double intensity = image.intensity(y, x);
    if (intensity <= options.threshold) return;
    const double part = options.curve == LatencyCurve::linear
                            ? 1 - intensity
                            : std::log2(intensity / (intensity - options.threshold));
    if (part < 1) add(recording.events, part * end, y, x, true);
  });
  sort_by_time(recording.events);
  return recording;
}

Recording encode(const Tensor& tensor, const SaccadeEncoding& options) {
  const Image image(tensor);
  check(options);
  const Camera camera(image, options.floor);
  Recording recording{.sensor = {.width = image.width, .height = image.height, .polarities = 2},
                      .events = {}};
  // By pixel: the level of its last event, and what it saw last.
  std::vector<double> reference, seen;
  for_pixels(image, [&](std::int64_t y, std::int64_t x) {
    reference.push_back(camera.look(static_cast<double>(y), static_cast<double>(x)));
  });
  seen = reference;
  const std::int64_t end = 3 * options.saccade;
  for (std::int64_t before = 0; before < end; before += options.step) {
    const std::int64_t now = std::min(before + options.step, end);
    const Place gaze = eye(options, now);
    std::size_t i = 0;
    for_pixels(image, [&](std::int64_t y, std::int64_t x) {
      const double level =
          camera.look(static_cast<double>(y) + gaze.y, static_cast<double>(x) + gaze.x);
      const double previous = seen[i];
      seen[i] = level;
      const bool on = level > reference[i];
      while (std::abs(level - reference[i]) >= options.threshold) {
        reference[i] += on ? options.threshold : -options.threshold;
        // When a straight line from the last look to this one crosses that level.
        const double part = std::clamp((reference[i] - previous) / (level - previous), 0.0, 1.0);
        add(recording.events,
            static_cast<double>(before) + part * static_cast<double>(now - before), y, x, on);
      }
      ++i;
    });
  }
  sort_by_time(recording.events);
  return recording;
}

}  // namespace ranvier
