#include "apps/data/event_plot.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "apps/drawing/scale.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

using Anchor = Drawing::Anchor;

constexpr Colour ink{40, 40, 40}, grey{200, 200, 200};
constexpr double top = 34;

std::string title_of(const Recording& recording, const EventPlotOptions& options) {
  const std::string what =
      fmt::format("{} events, {}", recording.events.size(), to_string(recording.sensor));
  return options.title.empty() ? what : options.title + ": " + what;
}

/// Times in milliseconds from the first event on.
struct Span {
  std::int64_t first = 0, last = 0;  // microseconds

  explicit Span(const Events& events)
      : first(events.empty() ? 0 : events.t.front()), last(events.empty() ? 0 : events.t.back()) {}
  double ms(std::int64_t t) const { return static_cast<double>(t - first) / 1000; }
  double length() const { return std::max(0.001, ms(last)); }
};

/// Where things lie in a raster.
struct Axes {
  double left = 52, width = 880, height = 0;
  Scale time, channel;
  double x(double ms) const { return left + width * time.share(ms); }
  double y(double unit) const { return top + height * (1 - channel.share(unit)); }
};

void add_axes(const Axes& axes, Drawing& drawing) {
  Drawing::Layer lines{grey, {}};
  for (const double tick : axes.time.ticks()) {
    lines.boxes.push_back({axes.x(tick), top, 1, axes.height + 4});
    drawing.texts.push_back(
        {axes.x(tick), top + axes.height + 18, axes.time.label(tick), Anchor::middle});
  }
  for (const double tick : axes.channel.ticks()) {
    lines.boxes.push_back({axes.left - 4, axes.y(tick), axes.width + 4, 1});
    drawing.texts.push_back(
        {axes.left - 8, axes.y(tick) + 4, axes.channel.label(tick), Anchor::end});
  }
  drawing.layers.push_back(std::move(lines));
  drawing.texts.push_back({axes.left + axes.width, top + axes.height + 34, "ms", Anchor::end});
  drawing.texts.push_back({8, top - 8, "channel"});
}

/// Marks of the events of one polarity, one for each pixel that has any.
Drawing::Layer marks(const Recording& recording, const Axes& axes, std::uint8_t polarity,
                     const Colour& colour) {
  constexpr double size = 1.6;
  const auto columns = static_cast<std::size_t>(axes.width) + 2;
  std::vector<bool> taken(columns * (static_cast<std::size_t>(axes.height) + 2));
  const Span span(recording.events);
  Drawing::Layer layer{colour, {}};
  for (std::size_t i = 0; i < recording.events.t.size(); ++i) {
    if (recording.sensor.polarities > 1 && recording.events.p[i] != polarity) continue;
    const double x = axes.x(span.ms(recording.events.t[i])), y = axes.y(recording.events.x[i]);
    const auto place =
        static_cast<std::size_t>(y - top) * columns + static_cast<std::size_t>(x - axes.left);
    if (taken[place]) continue;
    taken[place] = true;
    layer.boxes.push_back({x - size / 2, y - size / 2, size, size});
  }
  return layer;
}

Drawing raster(const Recording& recording, const EventPlotOptions& options) {
  const auto channels = static_cast<double>(recording.sensor.width);
  Axes axes{.height = std::clamp(channels, 160.0, 560.0),
            .time = nice_scale(0, Span(recording.events).length(), 8),
            .channel = nice_scale(0, channels, 6)};
  axes.channel.last = channels;
  Drawing drawing{.width = 950,
                  .height = static_cast<std::int64_t>(top + axes.height) + 44,
                  .description = title_of(recording, options)};
  drawing.texts.push_back({axes.left + 16, 20, drawing.description});
  add_axes(axes, drawing);
  if (recording.sensor.polarities > 1)
    drawing.layers.push_back(marks(recording, axes, 0, off_colour));
  drawing.layers.push_back(
      marks(recording, axes, 1, recording.sensor.polarities > 1 ? on_colour : ink));
  return drawing;
}

/// Frame `index` of `count`, pixels joined to squares of `joined` where the sensor is large.
Drawing::Picture frame(const Recording& recording, std::int64_t index, std::int64_t count,
                       std::int64_t joined) {
  const Sensor& sensor = recording.sensor;
  const Events& events = recording.events;
  Drawing::Picture picture{.width = (sensor.width + joined - 1) / joined,
                           .height = (sensor.height + joined - 1) / joined};
  std::vector<float> counts(
      static_cast<std::size_t>(picture.width * picture.height * sensor.polarities));
  const Span span(events);
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    const double share = span.ms(events.t[i]) / span.length();
    const auto in =
        std::min(count - 1, static_cast<std::int64_t>(share * static_cast<double>(count)));
    if (in != index) continue;
    const std::int64_t pixel = events.y[i] / joined * picture.width + events.x[i] / joined;
    const std::int64_t p = sensor.polarities > 1 ? events.p[i] : 0;
    ++counts[static_cast<std::size_t>(pixel * sensor.polarities + p)];
  }
  picture.pixels = event_picture(counts, sensor.polarities);
  return picture;
}

Drawing frames(const Recording& recording, const EventPlotOptions& options) {
  constexpr std::int64_t side = 230, gap = 10, caption = 22, most_columns = 4;
  const std::int64_t longest = std::max(recording.sensor.width, recording.sensor.height);
  const std::int64_t joined = (longest + side - 1) / side;
  const std::int64_t zoom = std::max<std::int64_t>(1, side / longest);
  const std::int64_t columns = std::min(options.frames, most_columns);
  const std::int64_t rows = (options.frames + columns - 1) / columns;
  Drawing drawing{.description = title_of(recording, options)};
  const double length = Span(recording.events).length();
  for (std::int64_t i = 0; i < options.frames; ++i) {
    Drawing::Picture picture = frame(recording, i, options.frames, joined);
    const std::int64_t width = picture.width * zoom, height = picture.height * zoom;
    picture.zoom = zoom;
    picture.x = gap + i % columns * (width + gap);
    picture.y = static_cast<std::int64_t>(top) + i / columns * (height + caption);
    drawing.width = std::max<std::int64_t>(320, gap + columns * (width + gap));
    drawing.height = static_cast<std::int64_t>(top) + rows * (height + caption);
    const auto x = static_cast<double>(picture.x), y = static_cast<double>(picture.y);
    const auto w = static_cast<double>(width), h = static_cast<double>(height);
    drawing.layers.push_back({grey, {{x - 1, y - 1, w + 2, h + 2}}});
    const auto ms = [&](std::int64_t n) {
      return length * static_cast<double>(n) / static_cast<double>(options.frames);
    };
    drawing.texts.push_back(
        {x + w / 2, y + h + 15, fmt::format("{:.1f}-{:.1f} ms", ms(i), ms(i + 1)), Anchor::middle});
    drawing.pictures.push_back(std::move(picture));
  }
  drawing.texts.push_back({gap, 20, drawing.description});
  return drawing;
}

}  // namespace

Drawing event_plot(const Recording& recording, const EventPlotOptions& options) {
  RV_CHECK(options.frames >= 1 && options.frames <= 64, "[plot] frames must be in [1, 64]; got {}.",
           options.frames);
  return recording.sensor.height == 1 ? raster(recording, options) : frames(recording, options);
}

}  // namespace ranvier::apps
