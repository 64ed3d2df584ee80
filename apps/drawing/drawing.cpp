#include "apps/drawing/drawing.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "apps/drawing/png.h"
#include "apps/support/text.h"

namespace ranvier::apps {
namespace {

std::string hex(const Colour& c) { return fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]); }

/// One path of all boxes: a file of thousands of elements would be slow to open.
std::string svg_of(const Drawing::Layer& layer) {
  std::string path;
  for (const auto& [x, y, width, height] : layer.boxes)
    path += fmt::format("M{:.4g} {:.4g}h{:.3g}v{:.3g}h-{:.3g}z", x, y, width, height, width);
  return fmt::format("<path fill=\"{}\" d=\"{}\"/>\n", hex(layer.colour), path);
}

std::string svg_of(const Drawing::Picture& picture) {
  const auto file = encode_png(picture.pixels, picture.height, picture.width, 3);
  return fmt::format(
      "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"image-rendering:pixelated\" "
      "href=\"data:image/png;base64,{}\"/>\n",
      picture.x, picture.y, picture.width * picture.zoom, picture.height * picture.zoom,
      base64(file));
}

std::string svg_of(const Drawing::Text& text) {
  static constexpr const char* anchors[] = {"start", "middle", "end"};
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", text.x,
                     text.y, anchors[static_cast<std::size_t>(text.anchor)], escape(text.text));
}

constexpr std::string_view characters = "0123456789.- ms";

/// Five rows of three pixels for each of `characters`, an octal digit a row.
constexpr int glyphs[] = {075557, 026227, 071747, 071717, 055711, 074717, 074757, 071111,
                          075757, 075717, 000002, 000700, 000000, 007755, 003416};

class Raster {
 public:
  Raster(std::int64_t width, std::int64_t height)
      : width_(width),
        height_(height),
        pixels_(static_cast<std::size_t>(std::max<std::int64_t>(0, width * height * 3)), 255) {}

  void draw(const Drawing::Box& box, const Colour& colour) {
    // Every box is seen, however small.
    const std::int64_t left = std::lround(box.x), top = std::lround(box.y);
    const std::int64_t right = std::max<std::int64_t>(left + 1, std::lround(box.x + box.width));
    const std::int64_t end = std::max<std::int64_t>(top + 1, std::lround(box.y + box.height));
    for (std::int64_t y = std::max<std::int64_t>(0, top); y < std::min(end, height_); ++y)
      for (std::int64_t x = std::max<std::int64_t>(0, left); x < std::min(right, width_); ++x)
        std::copy(colour.begin(), colour.end(), pixels_.begin() + (y * width_ + x) * 3);
  }
  void draw(const Drawing::Picture& picture) {
    const auto zoom = static_cast<double>(picture.zoom);
    for (std::int64_t y = 0; y < picture.height; ++y)
      for (std::int64_t x = 0; x < picture.width; ++x) {
        const auto* p = picture.pixels.data() + (y * picture.width + x) * 3;
        draw({static_cast<double>(picture.x + x * picture.zoom),
              static_cast<double>(picture.y + y * picture.zoom), zoom, zoom},
             {p[0], p[1], p[2]});
      }
  }
  void draw(const Drawing::Text& text) {
    if (text.text.find_first_not_of(characters) != std::string::npos) return;
    constexpr int zoom = 2, columns = 3, rows = 5, step = zoom * (columns + 1);
    const double length = step * static_cast<double>(text.text.size());
    const double shift = text.anchor == Drawing::Anchor::begin    ? 0
                         : text.anchor == Drawing::Anchor::middle ? length / 2
                                                                  : length;
    for (std::size_t i = 0; i < text.text.size(); ++i)
      for (int bit = 0; bit < rows * columns; ++bit)
        if (glyphs[characters.find(text.text[i])] >> (rows * columns - 1 - bit) & 1)
          draw({text.x - shift + static_cast<double>(i) * step + bit % columns * zoom,
                text.y + (bit / columns - rows) * zoom, zoom, zoom},
               {60, 60, 60});
  }
  std::vector<std::uint8_t> png() const { return encode_png(pixels_, height_, width_, 3); }

 private:
  std::int64_t width_, height_;
  std::vector<std::uint8_t> pixels_;
};

}  // namespace

std::string to_svg(const Drawing& drawing) {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<title>{2}</title>\n<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      drawing.width, drawing.height, escape(drawing.description));
  for (const Drawing::Layer& layer : drawing.layers) out += svg_of(layer);
  for (const Drawing::Picture& picture : drawing.pictures) out += svg_of(picture);
  for (const Drawing::Text& text : drawing.texts) out += svg_of(text);
  return out + "</svg>\n";
}

std::vector<std::uint8_t> to_png(const Drawing& drawing) {
  Raster raster(drawing.width, drawing.height);
  for (const Drawing::Layer& layer : drawing.layers)
    for (const Drawing::Box& box : layer.boxes) raster.draw(box, layer.colour);
  for (const Drawing::Picture& picture : drawing.pictures) raster.draw(picture);
  for (const Drawing::Text& text : drawing.texts) raster.draw(text);
  return raster.png();
}

}  // namespace ranvier::apps
