// Drawings that become an SVG or a PNG file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/drawing/event_picture.h"

namespace ranvier::apps {

/// Boxes, pictures and words on white; lengths in pixels, from the upper left corner.
struct Drawing {
  struct Box {
    double x = 0, y = 0, width = 1, height = 1;
  };
  /// Boxes of one colour.
  struct Layer {
    Colour colour{};
    std::vector<Box> boxes{};
  };
  /// u8 RGB [height, width, 3], every pixel drawn as a square of `zoom` pixels.
  struct Picture {
    std::int64_t x = 0, y = 0, width = 0, height = 0, zoom = 1;
    std::vector<std::uint8_t> pixels{};
  };
  enum class Anchor { begin, middle, end };
  /// A line of text; `y` is its base line.
  struct Text {
    double x = 0, y = 0;
    std::string text{};
    Anchor anchor = Anchor::begin;
  };

  std::int64_t width = 0, height = 0;
  std::string description{};  ///< for those who cannot see it
  std::vector<Layer> layers{};
  std::vector<Picture> pictures{};
  std::vector<Text> texts{};
};

/// A file of its own.
std::string to_svg(const Drawing& drawing);

/// A PNG has those texts that are made of digits, points, dashes and "ms". Errors: `encode_png`'s.
std::vector<std::uint8_t> to_png(const Drawing& drawing);

}  // namespace ranvier::apps
