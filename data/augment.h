// Random variations of images, and their conversion to the floats that a network reads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ranvier/core/shape.h"
#include "ranvier/data/dataset.h"

namespace ranvier {

namespace detail {
struct ImageVariation;
}

/// What becomes of an image on its way into a batch, in this order: shift, flip, scale the bytes to
/// [0, 1], normalise.
struct AugmentOptions {
  int shift = 0;      ///< moves by up to this many pixels along each axis; zero bytes move in
  bool flip = false;  ///< mirrors every second image left to right, on average
  std::vector<float> mean = {0};       ///< of [0, 1], subtracted: one for all channels or one each
  std::vector<float> deviation = {1};  ///< divides after that: one for all channels or one each
};

/// Applies `AugmentOptions` to images of one shape.
class Augment {
 public:
  /// For images of `image_shape` [H, W, C]. Errors: another rank; a shift that is negative or not
  /// smaller than the image; means or deviations neither one nor one per channel, not finite, or
  /// deviations that are not positive.
  Augment(const AugmentOptions& options, const Shape& image_shape);

  /// Writes u8 `image` as f32 [H, W, C] to `out`. Its variation depends on `draw` and the sample's
  /// index alone.
  void operator()(const std::uint8_t* image, std::int64_t sample, const Draw& draw,
                  float* out) const;

  const AugmentOptions& options() const { return options_; }
  /// A number of a row, [W, C], is its byte times the scale plus the offset at its place.
  std::span<const float> scale() const { return scale_; }
  std::span<const float> offset() const { return offset_; }

 private:
  void write_row(const std::uint8_t* row, const detail::ImageVariation& variation,
                 float* out) const;

  AugmentOptions options_;
  std::int64_t height_, width_, channels_;
  // Spelled out for a whole row so that channels need no inner loop.
  std::vector<float> scale_, offset_;
};

}  // namespace ranvier
