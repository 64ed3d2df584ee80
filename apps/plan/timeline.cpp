#include "apps/plan/timeline.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "apps/drawing/scale.h"

namespace ranvier::apps {
namespace {

using Anchor = Drawing::Anchor;

// Okabe and Ito's blue and orange, light for stages that all ranks run at once.
constexpr Colour forward_plain{143, 196, 228}, forward_chained{0, 114, 178};
constexpr Colour backward_plain{247, 206, 122}, backward_chained{213, 120, 0};
constexpr Colour others{150, 158, 168}, waiting{238, 225, 232}, grid{215, 219, 224};

struct Kind {
  Colour colour;
  const char* name;
};
constexpr std::array kinds{
    Kind{forward_plain, "forward"},   Kind{forward_chained, "forward, needs a state"},
    Kind{backward_plain, "backward"}, Kind{backward_chained, "backward, needs a state's gradient"},
    Kind{others, "loss, optimizer"},  Kind{waiting, "waiting"}};
enum { plain = 0, chained = 1, backwards = 2, other = 4, wait = 5 };

std::size_t kind_of(const NetworkProfile& profile, const Span& span) {
  if (span.stage < 0) return other;
  const bool needs = profile.stages[static_cast<std::size_t>(span.stage)].chained;
  return (span.kind == Span::Kind::backward ? backwards : plain) + (needs ? chained : plain);
}

class Timeline {
 public:
  Timeline(const NetworkProfile& profile, const Prediction& prediction)
      : profile_(profile), prediction_(prediction) {
    for (const Span& span : prediction.timeline) ranks_ = std::max(ranks_, span.rank + 1);
    row_ = ranks_ <= 12 ? 30 : ranks_ <= 32 ? 18 : 11;
    scale_ = nice_scale(0, 1000 * prediction.step, 8);
    scale_.last = 1000 * prediction.step;
    for (const Kind& kind : kinds) layers_.push_back({kind.colour, {}});
  }

  Drawing draw(const std::string& title) {
    drawing_.width = static_cast<std::int64_t>(left + width + 24);
    drawing_.height = static_cast<std::int64_t>(bottom() + 44);
    drawing_.description = title;
    drawing_.texts.push_back({left, 20, title});
    add_legend();
    add_axis();
    add_rows();
    for (Drawing::Layer& layer : layers_) drawing_.layers.push_back(std::move(layer));
    return std::move(drawing_);
  }

 private:
  static constexpr double left = 64, width = 1080, top = 68, gap = 4;

  double bottom() const { return top + row_ * ranks_; }
  double x(double seconds) const { return left + width * scale_.share(1000 * seconds); }
  double y(int rank) const { return top + row_ * rank; }

  void add_legend() {
    constexpr double box = 12, letter = 6.4;
    double at = left;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      layers_[i].boxes.push_back({at, 36, box, box});
      drawing_.texts.push_back({at + box + 5, 46, kinds[i].name});
      at += box + 24 + letter * static_cast<double>(std::string_view(kinds[i].name).size());
    }
  }

  void add_axis() {
    Drawing::Layer lines{grid, {}};
    for (const double tick : scale_.ticks()) {
      const double place = left + width * scale_.share(tick);
      lines.boxes.push_back({place, top - 4, 1, bottom() - top + 8});
      drawing_.texts.push_back({place, bottom() + 20, scale_.label(tick), Anchor::middle});
    }
    drawing_.texts.push_back({left + width, bottom() + 38, "ms", Anchor::end});
    drawing_.layers.push_back(std::move(lines));
    const int every = row_ < 14 ? 4 : 1;
    for (int rank = 0; rank < ranks_; rank += every)
      drawing_.texts.push_back(
          {left - 8, y(rank) + row_ / 2 + 4, fmt::format("rank {}", rank), Anchor::end});
  }

  void add_rows() {
    std::vector<double> free(static_cast<std::size_t>(ranks_), 0);
    for (const Span& span : prediction_.timeline) {
      double& since = free[static_cast<std::size_t>(span.rank)];
      add(wait, span.rank, since, span.start);
      add(kind_of(profile_, span), span.rank, span.start, span.end);
      name(span);
      since = span.end;
    }
    for (int rank = 0; rank < ranks_; ++rank)
      add(wait, rank, free[static_cast<std::size_t>(rank)], prediction_.step);
  }

  void add(std::size_t kind, int rank, double start, double end) {
    const double length = x(end) - x(start);
    // A hairline of the ground between boxes keeps stages of one colour apart.
    if (length > 0.05)
      layers_[kind].boxes.push_back(
          {x(start), y(rank), length > 2 ? length - 0.6 : length, row_ - gap});
  }

  void name(const Span& span) {
    if (span.stage < 0 || row_ < 14) return;
    const std::string& text = profile_.stages[static_cast<std::size_t>(span.stage)].name;
    const double length = x(span.end) - x(span.start);
    if (length < 8 + 7.0 * static_cast<double>(text.size())) return;
    drawing_.texts.push_back(
        {x(span.start) + length / 2, y(span.rank) + (row_ - gap) / 2 + 4, text, Anchor::middle});
  }

  const NetworkProfile& profile_;
  const Prediction& prediction_;
  int ranks_ = 1;
  double row_ = 30;
  Scale scale_;
  std::vector<Drawing::Layer> layers_;
  Drawing drawing_;
};

}  // namespace

Drawing plan_timeline(const NetworkProfile& profile, const Prediction& prediction,
                      const std::string& title) {
  return Timeline(profile, prediction).draw(title);
}

}  // namespace ranvier::apps
