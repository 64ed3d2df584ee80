#include "apps/report/charts.h"

#include <cmath>
#include <limits>
#include <regex>

#include "tests/apps/markup.h"
#include "tests/support/catch.h"

namespace ranvier::apps {
namespace {

using test::contains;
using test::markup_fault;
using test::occurrences;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

LineChart chart_of(std::vector<double> train, std::vector<double> test) {
  LineChart chart{.description = "Loss", .epochs = {}, .series = {}};
  for (std::size_t i = 0; i < train.size(); ++i)
    chart.epochs.push_back(static_cast<std::int64_t>(i) + 1);
  chart.series = {{"train", "train", std::move(train)}, {"test", "test", std::move(test)}};
  return chart;
}

// Every number that places something must be one that a browser can read.
void check_drawing(const std::string& svg) {
  CHECK(markup_fault(svg) == "");
  static const std::regex attribute(R"re( (?:x|y|x1|x2|y1|y2|cx|cy|d|width|height)="([^"]*)")re");
  for (auto at = std::sregex_iterator(svg.begin(), svg.end(), attribute);
       at != std::sregex_iterator(); ++at) {
    const std::string value = (*at)[1];
    if (value.find("nan") != value.npos || value.find("inf") != value.npos) FAIL_CHECK(value);
  }
}

}  // namespace

TEST_CASE("a chart draws each series and labels its end") {
  const std::string svg = line_chart(chart_of({2, 1, 0.51234}, {2.5, 1.5, 0.75}));
  check_drawing(svg);
  CHECK_THAT(svg, contains(R"(class="label train">train 0.5123</text>)"));
  CHECK_THAT(svg, contains(R"(class="label test">test 0.7500</text>)"));
  CHECK(occurrences(svg, "class=\"curve\"") == 2);
  CHECK(occurrences(svg, "<circle") == 6);
  CHECK_THAT(svg, contains("<title>epoch 3, train 0.5123, test 0.7500</title>"));
}

TEST_CASE("labels that would meet move apart and stay inside") {
  static const std::regex place(R"re(y="([0-9.]+)" class="label)re");
  for (const double level : {0.0, 0.5, 1.0}) {
    LineChart chart = chart_of({0, level}, {1, level});
    const std::string svg = line_chart(chart);
    std::vector<double> places;
    for (auto at = std::sregex_iterator(svg.begin(), svg.end(), place);
         at != std::sregex_iterator(); ++at)
      places.push_back(std::stod((*at)[1]));
    REQUIRE(places.size() == 2);
    CHECK(std::abs(places[0] - places[1]) >= 16.9);
    for (const double y : places) CHECK((y > 10 && y < 240));
  }
}

TEST_CASE("charts of one epoch, of a hundred, of a resumed run and of odd numbers are whole") {
  const std::string one = line_chart(chart_of({0.5}, {0.6}));
  check_drawing(one);
  CHECK(occurrences(one, "<circle") == 2);

  const std::string many = line_chart(chart_of(std::vector(100, 0.5), std::vector(100, 0.25)));
  check_drawing(many);
  CHECK(occurrences(many, "<circle") == 0);
  CHECK(occurrences(many, "text-anchor=\"middle\"") <= 10);

  LineChart resumed = chart_of({0.5, 0.4}, {0.5, 0.4});
  resumed.epochs = {37, 38};
  check_drawing(line_chart(resumed));

  const std::string unmeasured = line_chart(chart_of({nan}, {nan}));
  check_drawing(unmeasured);
  CHECK_THAT(unmeasured, contains(">0.5</text>"));
  check_drawing(line_chart(chart_of({infinity, -infinity, nan}, {1e300, -1e300, 0})));
  check_drawing(line_chart(chart_of({0, 0}, {0, 0})));
}

TEST_CASE("what was not measured is a gap in the curve") {
  const std::string svg = line_chart(chart_of({1, nan, 2, 3}, {nan, nan, 1, nan}));
  check_drawing(svg);
  static const std::regex curve(R"re(class="curve" d="([^"]*)")re");
  std::smatch match;
  REQUIRE(std::regex_search(svg, match, curve));
  CHECK(occurrences(match[1], "M") == 2);
  CHECK(occurrences(match[1], "L") == 1);
  CHECK_THAT(svg, contains(">test 1.0000<"));
}

TEST_CASE("bounds hold the vertical axis") {
  LineChart chart = chart_of({1, 1}, {1, 1});
  CHECK_THAT(line_chart(chart), contains(">1.05<"));
  chart.most = 1;
  const std::string svg = line_chart(chart);
  check_drawing(svg);
  CHECK_THAT(svg, contains(">0.95<") && contains(">1.00<") && !contains(">1.05<"));
}

TEST_CASE("a ring marks an epoch of the last series") {
  LineChart chart = chart_of({3, 2, 1}, {1, 2, 3});
  chart.ring = 2;
  CHECK(occurrences(line_chart(chart), "class=\"ring test\"") == 1);
  chart.ring = 9;
  CHECK(occurrences(line_chart(chart), "class=\"ring") == 0);
}

TEST_CASE("a raster has a mark per spike, time to the right and neurons downwards") {
  const std::vector<std::uint8_t> spikes{0, 1, 0,  // step 0
                                         0, 0, 255};
  const std::string svg = spike_raster("Spikes of <2>", 2, 3, spikes);
  CHECK(markup_fault(svg) == "");
  CHECK_THAT(svg, contains("viewBox=\"0 0 2 3\""));
  CHECK_THAT(svg, contains("d=\"M0 1h.8M1 2h.8\""));
  CHECK_THAT(svg, contains("Spikes of &lt;2&gt;"));
  CHECK(occurrences(spike_raster("silent", 2, 3, std::vector<std::uint8_t>(6)), "<path") == 0);
}

TEST_CASE("a bar spans its two ends in either order") {
  CHECK_THAT(bar("rate", 0.25, 0.75), contains(R"(x="25.00" y="0" width="50.00")"));
  CHECK_THAT(bar("rate", 0.75, 0.25), contains(R"(x="25.00" y="0" width="50.00")"));
}

}  // namespace ranvier::apps
