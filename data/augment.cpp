#include "ranvier/data/augment.h"

#include <algorithm>
#include <cmath>

#include "ranvier/data/detail/image_variation.h"

namespace ranvier {
namespace {

std::int64_t checked_extent(const Shape& shape, int axis) {
  RV_CHECK(shape.rank() == 3, "[augment] an image must have the shape [H, W, C]; got {}.", shape);
  return shape[axis];
}

void check_per_channel(const char* what, const std::vector<float>& values, std::int64_t channels) {
  const auto count = static_cast<std::int64_t>(values.size());
  RV_CHECK(count == 1 || count == channels,
           "[augment] {} must have one value or one for each of {} channels; got {}.", what,
           channels, count);
  for (float value : values)
    RV_CHECK(std::isfinite(value), "[augment] {} must be finite; got {}.", what, value);
}

}  // namespace

Augment::Augment(const AugmentOptions& options, const Shape& image_shape)
    : options_(options),
      height_(checked_extent(image_shape, 0)),
      width_(checked_extent(image_shape, 1)),
      channels_(checked_extent(image_shape, 2)) {
  RV_CHECK(options.shift >= 0, "[augment] shift must be >= 0; got {}.", options.shift);
  RV_CHECK(options.shift == 0 || options.shift < std::min(height_, width_),
           "[augment] shift must be smaller than the image; got {} for {}.", options.shift,
           image_shape);
  check_per_channel("mean", options.mean, channels_);
  check_per_channel("deviation", options.deviation, channels_);
  for (float value : options.deviation)
    RV_CHECK(value > 0, "[augment] deviation must be > 0; got {}.", value);

  for (std::int64_t i = 0; i < width_ * channels_; ++i) {
    const auto channel = static_cast<std::size_t>(i % channels_);
    const double mean = options.mean[options.mean.size() == 1 ? 0 : channel];
    const double deviation = options.deviation[options.deviation.size() == 1 ? 0 : channel];
    scale_.push_back(static_cast<float>(1.0 / (255.0 * deviation)));
    // 0 and not -0 for a mean of 0: the sum of a zero byte and the offset has the offset's bits.
    offset_.push_back(static_cast<float>(0.0 - mean / deviation));
  }
}

void Augment::write_row(const std::uint8_t* row, const detail::ImageVariation& variation,
                        float* out) const {
  const std::int64_t row_size = width_ * channels_;
  const float* scale = scale_.data();
  const float* offset = offset_.data();
  if (row == nullptr) {
    std::copy_n(offset, row_size, out);
    return;
  }
  if (!variation.mirrored) {
    const std::int64_t shift = variation.right * channels_;
    const std::int64_t begin = std::max<std::int64_t>(shift, 0);
    const std::int64_t end = std::min(row_size, row_size + shift);
    std::copy(offset, offset + begin, out);
    for (std::int64_t i = begin; i < end; ++i)
      out[i] = static_cast<float>(row[i - shift]) * scale[i] + offset[i];
    std::copy(offset + end, offset + row_size, out + end);
    return;
  }
  for (std::int64_t x = 0; x < width_; ++x) {
    const std::int64_t from = detail::source_column(variation, width_, x);
    const bool inside = from >= 0 && from < width_;
    for (std::int64_t c = 0; c < channels_; ++c) {
      const std::int64_t i = x * channels_ + c;
      const float value = inside ? static_cast<float>(row[from * channels_ + c]) : 0.0f;
      out[i] = value * scale[i] + offset[i];
    }
  }
}

void Augment::operator()(const std::uint8_t* image, std::int64_t sample, const Draw& draw,
                         float* out) const {
  const detail::ImageVariation variation =
      detail::image_variation(options_.shift, options_.flip, draw.seed, draw.epoch, sample);
  const std::int64_t row_size = width_ * channels_;
  for (std::int64_t y = 0; y < height_; ++y) {
    const std::int64_t from = detail::source_row(variation, y);
    const bool inside = from >= 0 && from < height_;
    write_row(inside ? image + from * row_size : nullptr, variation, out + y * row_size);
  }
}

}  // namespace ranvier
