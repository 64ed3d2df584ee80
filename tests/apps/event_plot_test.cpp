#include "apps/data/event_plot.h"

#include <algorithm>

#include "tests/apps/markup.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::apps {
namespace {

using test::contains;
using test::markup_fault;
using test::occurrences;

Recording sounds() {
  Recording recording{.sensor = {700, 1, 1}, .events = {}};
  for (std::int16_t i = 0; i < 700; ++i) recording.events.push_back(5000 + i * 100, i, 0, 1);
  return recording;
}

Recording picture() {
  Recording recording{.sensor = {34, 30, 2}, .events = {}};
  for (std::int16_t i = 0; i < 30; ++i) recording.events.push_back(i * 1000, i, i, i % 2);
  return recording;
}

std::size_t boxes(const Drawing& drawing, const Colour& colour) {
  std::size_t count = 0;
  for (const Drawing::Layer& layer : drawing.layers)
    if (layer.colour == colour) count += layer.boxes.size();
  return count;
}

/// Pixels of a picture that are more of one colour than of the other.
std::ptrdiff_t pixels(const Drawing::Picture& picture, std::size_t more, std::size_t less) {
  std::ptrdiff_t count = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3)
    count += picture.pixels[i + more] > picture.pixels[i + less] + 40;
  return count;
}

}  // namespace

TEST_CASE("a recording of channels is drawn as a raster with its axes") {
  const Drawing drawing = event_plot(sounds(), {.title = "digit <3>"});
  const std::string svg = to_svg(drawing);
  CHECK(markup_fault(svg) == "");
  CHECK_THAT(svg, contains("digit &lt;3&gt;: 700 events, 700") && contains("channel") &&
                      contains(">ms<") && contains(">600<"));
  CHECK(boxes(drawing, {40, 40, 40}) == 700);
  const auto png = to_png(drawing);
  CHECK(std::vector<std::uint8_t>(png.begin(), png.begin() + 4) ==
        std::vector<std::uint8_t>{0x89, 'P', 'N', 'G'});
}

TEST_CASE("events that fall on one pixel are one mark, and polarities have colours") {
  Recording recording = sounds();
  for (int i = 0; i < 1000; ++i) recording.events.push_back(80000, 3, 0, 1);
  CHECK(boxes(event_plot(recording), {40, 40, 40}) == 701);
  recording.sensor.polarities = 2;
  recording.events.p[0] = 0;
  CHECK(boxes(event_plot(recording), on_colour) == 700);
  CHECK(boxes(event_plot(recording), off_colour) == 1);
}

TEST_CASE("a recording of pixels is drawn as frames that hold every event once") {
  const Drawing drawing = event_plot(picture(), {.frames = 5});
  REQUIRE(drawing.pictures.size() == 5);
  std::ptrdiff_t red = 0, blue = 0;
  for (const Drawing::Picture& frame : drawing.pictures) {
    CHECK(pixels(frame, 0, 2) + pixels(frame, 2, 0) == 6);
    red += pixels(frame, 0, 2), blue += pixels(frame, 2, 0);
  }
  CHECK(red == 15);
  CHECK(blue == 15);
  const std::string svg = to_svg(drawing);
  CHECK(markup_fault(svg) == "");
  CHECK(occurrences(svg, "<image ") == 5);
  CHECK_THAT(svg, contains(">0.0-5.8 ms<"));
}

TEST_CASE("sensors of every size, and recordings without events, are drawn") {
  for (const Sensor& sensor : {Sensor{1, 1, 1}, {1, 2, 1}, {64, 1, 2}, {1280, 720, 2}, {5, 900, 1}})
    for (const bool empty : {true, false}) {
      Recording recording{.sensor = sensor, .events = {}};
      if (!empty)
        recording.events.push_back(7, static_cast<std::int16_t>(sensor.width - 1),
                                   static_cast<std::int16_t>(sensor.height - 1), 1);
      const Drawing drawing = event_plot(recording);
      INFO(to_string(sensor));
      CHECK(markup_fault(to_svg(drawing)) == "");
      CHECK(to_png(drawing).size() > 100);
      CHECK(drawing.width <= 1000);
    }
  CHECK_ERROR(event_plot(picture(), {.frames = 0}), ErrorCode::invalid_argument,
              "[plot] frames must be in [1, 64]; got 0.");
}

TEST_CASE("counts become colours: ON red, OFF blue, one polarity grey, nothing white") {
  using Pixels = std::vector<std::uint8_t>;
  CHECK(event_picture(std::vector<float>{0, 0, 0, 4, 4, 0}, 2) ==
        Pixels{255, 255, 255, 200, 30, 30, 30, 60, 200});
  CHECK(event_picture(std::vector<float>{0, 1, 4}, 1) ==
        Pixels{255, 255, 255, 128, 128, 128, 0, 0, 0});
}

}  // namespace ranvier::apps
