// How an image is varied: one rule for batches made by the host and on a device.
#pragma once

#include <cstdint>

#include "ranvier/core/philox.h"
#include "ranvier/data/detail/streams.h"

namespace ranvier::detail {

/// Where an image goes, and whether it is mirrored left to right after that.
struct ImageVariation {
  std::int64_t down = 0, right = 0;
  bool mirrored = false;
};

/// The variation of a sample in an epoch: by up to `shift` pixels along each axis, and mirrored
/// every second time if `flip`.
RV_HD ImageVariation image_variation(int shift, bool flip, std::uint64_t seed, std::int64_t epoch,
                                     std::int64_t sample) {
  if (shift == 0 && !flip) return {};
  const PhiloxWords random =
      philox(seed, static_cast<std::uint64_t>(sample), stream(StreamUse::augment, epoch));
  const auto choices = static_cast<std::uint64_t>(2 * shift + 1);
  return {static_cast<std::int64_t>((random.word[0] * choices) >> 32) - shift,
          static_cast<std::int64_t>((random.word[1] * choices) >> 32) - shift,
          flip && (random.word[2] & 1u) != 0};
}

/// The column that column `x` of a varied image shows; outside of [0, width) there are zero bytes.
RV_HD std::int64_t source_column(const ImageVariation& variation, std::int64_t width,
                                 std::int64_t x) {
  return (variation.mirrored ? width - 1 - x : x) - variation.right;
}

/// The row that row `y` of a varied image shows, as `source_column`.
RV_HD std::int64_t source_row(const ImageVariation& variation, std::int64_t y) {
  return y - variation.down;
}

}  // namespace ranvier::detail
