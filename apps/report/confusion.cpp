#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/report/sections.h"
#include "apps/support/text.h"

namespace ranvier::apps {
namespace {

constexpr double character_width = 7.6;  // of the style sheet's font, about
constexpr int longest_name = 18;         // characters

struct Counts {
  std::int64_t classes;
  const std::vector<std::int64_t>& count;

  std::int64_t at(std::int64_t truth, std::int64_t predicted) const {
    return count[static_cast<std::size_t>(truth * classes + predicted)];
  }
  std::int64_t row(std::int64_t truth) const {
    const auto first = count.begin() + truth * classes;
    return std::accumulate(first, first + classes, std::int64_t{0});
  }
  std::int64_t total() const {
    return std::accumulate(count.begin(), count.end(), std::int64_t{0});
  }
  std::int64_t right() const {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < classes; ++i) sum += at(i, i);
    return sum;
  }
};

// The matrix's measures in pixels; many classes get small cells without numbers.
struct Grid {
  std::int64_t classes;
  double cell, left, top;
  std::int64_t label_step;

  Grid(std::int64_t count, int name_length) : classes(count) {
    cell = count <= 12 ? 44 : count <= 20 ? 32 : count <= 50 ? 14 : 8;
    label_step = static_cast<std::int64_t>(std::ceil(19 / cell));
    left = 14 + character_width * name_length;
    top = 22 + 0.75 * character_width * name_length;
  }
  bool numbered() const { return cell >= 30; }
  double extent() const { return cell * static_cast<double>(classes); }
  double x(std::int64_t column) const { return left + cell * static_cast<double>(column); }
  double y(std::int64_t row) const { return top + cell * static_cast<double>(row); }
};

// A count in at most four characters.
std::string short_count(std::int64_t count) {
  if (count < 10'000) return fmt::format("{}", count);
  if (count < 1'000'000) return fmt::format("{}k", count / 1000);
  return fmt::format("{:.0g}", static_cast<double>(count));
}

// What can be read best on a cell of that opacity, in light and in dark.
const char* text_style(double shade) { return shade > 0.85 ? " on" : shade > 0.6 ? " mid" : ""; }

std::string cells(const Report& report, const Counts& counts, const Grid& grid) {
  const double gap = grid.numbered() ? 2 : 0.5, faintest = grid.numbered() ? 0.04 : 0.25;
  std::string out;
  for (std::int64_t truth = 0; truth < grid.classes; ++truth) {
    const auto row = static_cast<double>(counts.row(truth));
    for (std::int64_t predicted = 0; predicted < grid.classes; ++predicted) {
      const std::int64_t count = counts.at(truth, predicted);
      if (count == 0) continue;
      // Mistakes are rare: the root lets them be seen, and small cells get a little more.
      const double share = static_cast<double>(count) / row;
      const double shade = truth == predicted ? share : std::sqrt(share);
      out += fmt::format(
          R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{}" height="{}" fill-opacity="{:.3f}">)"
          R"(<title>{} taken for {}: {} ({:.1f} %)</title></rect>)",
          truth == predicted ? "hit" : "miss", grid.x(predicted) + gap / 2, grid.y(truth) + gap / 2,
          grid.cell - gap, grid.cell - gap, std::max(faintest, shade),
          escape(report.classes[static_cast<std::size_t>(truth)]),
          escape(report.classes[static_cast<std::size_t>(predicted)]), count, 100 * share);
      if (grid.numbered())
        out += fmt::format(R"(<text class="count{}" x="{:.1f}" y="{:.1f}">{}</text>)",
                           text_style(shade), grid.x(predicted) + grid.cell / 2,
                           grid.y(truth) + grid.cell / 2 + 4.5, short_count(count));
    }
  }
  return out;
}

std::string labels(const Report& report, const Counts& counts, const Grid& grid) {
  std::string out;
  for (std::int64_t i = 0; i < grid.classes; i += grid.label_step) {
    const std::string name =
        escape(shorten(report.classes[static_cast<std::size_t>(i)], longest_name));
    const double middle = grid.cell / 2;
    out += fmt::format(R"(<text class="class" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)",
                       grid.left - 8, grid.y(i) + middle + 4.5, name);
    out += fmt::format(
        R"svg(<text class="class" transform="translate({:.1f} {:.1f}) rotate(-45)">{}</text>)svg",
        grid.x(i) + middle + 2, grid.top - 7, name);
    if (const std::int64_t row = counts.row(i); row > 0)
      out += fmt::format(R"(<text class="share" x="{:.1f}" y="{:.1f}">{:.1f}</text>)",
                         grid.left + grid.extent() + 10, grid.y(i) + middle + 4.5,
                         100 * static_cast<double>(counts.at(i, i)) / static_cast<double>(row));
  }
  out += fmt::format(R"(<text class="share" x="{:.1f}" y="{:.1f}">recall %</text>)",
                     grid.left + grid.extent() + 10, grid.top - 7);
  return out;
}

std::string matrix(const Report& report, const Counts& counts) {
  int name_length = 0;
  for (const std::string& name : report.classes)
    name_length = std::max(name_length, std::min(longest_name, characters(name)));
  const Grid grid(counts.classes, name_length);
  const double after = std::max(72.0, 0.75 * character_width * name_length);
  const double width = grid.left + grid.extent() + after, height = grid.top + grid.extent() + 4;
  return fmt::format(
             R"(<svg class="matrix" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" )"
             R"(role="img" aria-label="Confusion matrix: {2} of {3} samples right">)"
             R"(<rect class="frame" x="{4:.1f}" y="{5:.1f}" width="{6:.1f}" height="{6:.1f}"/>)",
             width, height, counts.right(), counts.total(), grid.left, grid.top, grid.extent()) +
         cells(report, counts, grid) + labels(report, counts, grid) + "</svg>";
}

std::string mistakes(const Report& report, const Counts& counts) {
  constexpr std::size_t most_rows = 8;
  struct Mistake {
    std::int64_t truth, predicted, count;
  };
  std::vector<Mistake> found;
  for (std::int64_t truth = 0; truth < counts.classes; ++truth)
    for (std::int64_t predicted = 0; predicted < counts.classes; ++predicted)
      if (truth != predicted && counts.at(truth, predicted) > 0)
        found.push_back({truth, predicted, counts.at(truth, predicted)});
  if (found.empty()) return "<p class=\"mistakes\">Not one mistake.</p>";
  std::stable_sort(found.begin(), found.end(),
                   [](const Mistake& a, const Mistake& b) { return a.count > b.count; });
  found.resize(std::min(found.size(), most_rows));
  std::string out =
      R"(<table class="mistakes"><thead><tr><th>Most often, a</th><th>is taken for</th>)"
      R"(<th class="number">times</th><th class="number">of its kind</th></tr></thead><tbody>)";
  for (const Mistake& mistake : found)
    out += fmt::format(
        R"(<tr><td>{}</td><td>{}</td><td class="number">{}</td><td class="number">{:.1f} %</td></tr>)",
        escape(report.classes[static_cast<std::size_t>(mistake.truth)]),
        escape(report.classes[static_cast<std::size_t>(mistake.predicted)]), grouped(mistake.count),
        100 * static_cast<double>(mistake.count) / static_cast<double>(counts.row(mistake.truth)));
  return out + "</tbody></table>\n";
}

}  // namespace

std::string confusion_section(const Report& report) {
  const Counts counts{static_cast<std::int64_t>(report.classes.size()), report.confusion};
  const std::int64_t total = counts.total(), right = counts.right();
  if (total == 0) return "";
  return fmt::format(
      "<section>\n<h2>Confusion matrix</h2>\n"
      "<p class=\"note\">{} of {} test samples are right ({:.2f} %). A row holds the samples of "
      "one "
      "class, a column what the network took them for: <b class=\"right\">blue</b> is right, "
      "<b class=\"wrong\">orange</b> is wrong, the stronger the larger the share of the row.</p>\n"
      "<div class=\"confusion\">\n<div class=\"scroll\">{}</div>\n{}</div>\n</section>\n",
      grouped(right), grouped(total), 100 * static_cast<double>(right) / static_cast<double>(total),
      matrix(report, counts), mistakes(report, counts));
}

}  // namespace ranvier::apps
