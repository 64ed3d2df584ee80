#include "apps/report/report.h"

#include <fmt/core.h>

#include <limits>

#include "apps/report/sections.h"
#include "tests/apps/markup.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::apps {
namespace {

using test::contains;
using test::markup_fault;
using test::occurrences;

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Size {
  std::int64_t epochs = 3, steps = 4, classes = 3;
};

SpikeRaster raster(const std::string& name, std::int64_t steps, std::int64_t neurons) {
  SpikeRaster made{name, steps, neurons, {}};
  for (std::int64_t i = 0; i < steps * neurons; ++i) made.spikes.push_back(i % 3 == 0);
  return made;
}

ReportExample example(const Size& size, std::int64_t truth, std::int64_t predicted) {
  ReportExample made{.height = 2, .width = 3, .channels = 1, .image = {0, 50, 100, 150, 200, 250}};
  made.true_class = truth;
  made.predicted_class = predicted;
  made.scores.assign(static_cast<std::size_t>(size.classes), 0.125);
  made.scores[static_cast<std::size_t>(predicted)] = 0.875;
  made.output = raster("output", size.steps, size.classes);
  made.hidden = {raster("2 IF", size.steps, 8), raster("5 IF", size.steps, 5)};
  return made;
}

Report report_of(const Size& size) {
  Report report{.title = "A network", .summary = {{"steps", "4"}, {"seed", "7"}}};
  for (std::int64_t epoch = 1; epoch <= size.epochs; ++epoch) {
    const double e = static_cast<double>(epoch);
    report.history.push_back({epoch, 1 / e, 1 - 0.5 / e, 1.5 / e, 1 - 0.6 / e, 60, 1000});
  }
  for (std::int64_t i = 0; i < size.classes; ++i) {
    report.classes.push_back(fmt::format("kind {}", i));
    for (std::int64_t k = 0; k < size.classes; ++k) report.confusion.push_back(i == k ? 97 : i);
  }
  report.layers = {{"2", "IF", 0.125}, {"5", "LIF", 0}, {"8", "IF", nan}};
  report.examples = {example(size, 0, 0), example(size, 1, 0)};
  return report;
}

}  // namespace

TEST_CASE("a report is sound markup that needs no network, from small to large") {
  for (const std::int64_t epochs : {1, 2, 30, 100})
    for (const std::int64_t steps : {0, 1, 4, 100})
      for (const std::int64_t classes : {2, 10, 13, 100}) {
        INFO(epochs << " epochs, " << steps << " steps, " << classes << " classes");
        Report report = report_of({epochs, steps, classes});
        if (steps == 0)
          for (ReportExample& shown : report.examples) shown.hidden.clear();
        const std::string html = report_html(report);
        CHECK(markup_fault(html) == "");
        CHECK(occurrences(html, "http") + occurrences(html, "<script") +
                  occurrences(html, "url(") ==
              0);
        CHECK(occurrences(html, "<article>") == 2);
        CHECK(html.size() < 3'000'000);
      }
}

TEST_CASE("a report tells the run in numbers") {
  Report report = report_of({});
  report.samples = "recordings";
  const std::string html = report_html(report);
  CHECK_THAT(html, contains("<title>A network</title>"));
  CHECK_THAT(html, contains("epoch 3, train 0.3333, test 0.5000"));
  CHECK_THAT(html, contains("epoch 3, train 0.8333, test 0.8000"));
  CHECK_THAT(html, contains("80.00 % <small>in epoch 3</small>"));
  CHECK_THAT(html, contains("best test accuracy 0.8000 (epoch 3)"));
  CHECK_THAT(html, contains("3:00 <small>for 3 epochs</small>"));
  CHECK_THAT(html, contains("<dt>seed</dt><dd>7</dd>"));
  CHECK_THAT(html, contains("Spikes per neuron and time step, a mean over test samples."));
  CHECK_THAT(html, contains("291 of 297 test samples are right (97.98 %)"));
  CHECK_THAT(html, contains("<td>kind 2</td><td>kind 0</td>"));
  CHECK_THAT(html, contains("kind 1 taken for kind 0: 1 (1.0 %)"));
  CHECK_THAT(html, contains("✓ recognised") && contains("✗ taken for kind 0"));
  CHECK_THAT(
      html, contains(">0.1250</td>") && contains(">silent</td>") && contains(">not measured</td>"));
  CHECK_THAT(html, contains("<small>recordings/s</small>") && contains(">recordings/s</th>"));
}

TEST_CASE("a report leaves out what it is not given") {
  const std::string html = report_html({.title = "Nothing"});
  CHECK(markup_fault(html) == "");
  CHECK(occurrences(html, "<section>") == 0);
  Report unmeasured = report_of({});
  for (EpochMetrics& row : unmeasured.history) row.test_accuracy = row.test_loss = nan;
  unmeasured.confusion.assign(9, 0);
  const std::string partial = report_html(unmeasured);
  CHECK(markup_fault(partial) == "");
  CHECK(occurrences(partial, "best test accuracy") + occurrences(partial, "Confusion") == 0);
}

TEST_CASE("a network without mistakes is told so") {
  Report report = report_of({.classes = 2});
  report.confusion = {5, 0, 0, 0};
  const std::string html = report_html(report);
  CHECK(markup_fault(html) == "");
  CHECK_THAT(html, contains("Not one mistake.") && contains("5 of 5"));
  CHECK_THAT(html, contains(">100.0</text>") && !contains("nan</text>"));
}

TEST_CASE("no text of a report becomes markup") {
  const std::string evil = "\"><script>'&\xff";
  Report report = report_of({});
  report.title = report.score_name = report.samples = evil;
  report.summary = {{evil, evil}};
  report.classes.assign(3, evil);
  report.layers = {{evil, evil, 0.5}};
  report.examples[0].hidden[0].name = evil;
  const std::string html = report_html(report);
  CHECK(markup_fault(html) == "");
  CHECK(occurrences(html, "<script>") == 0);
  CHECK(occurrences(html, "\xff") == 0);
  CHECK(occurrences(html, "&quot;&gt;&lt;script&gt;&#39;&amp;�") >= 10);
}

TEST_CASE("of many classes an example lists the likeliest, the true and the predicted") {
  const Size size{.classes = 50};
  Report report = report_of(size);
  report.examples = {example(size, 31, 17)};
  report.examples[0].scores[31] = nan;
  report.examples[0].scores[17] = 0;
  report.examples[0].scores[3] = nan;
  for (std::size_t i = 40; i < 50; ++i) report.examples[0].scores[i] = 0.5;
  const std::string section = examples_section(report);
  CHECK(occurrences(section, "Output spikes of") == 8);
  for (const int shown : {17, 31, 40, 45})
    CHECK_THAT(section, contains(fmt::format(">kind {}</div>", shown)));
  CHECK_THAT(section, !contains(">kind 46</div>") && !contains(">kind 0</div>") &&
                          !contains(">kind 3</div>"));
  CHECK_THAT(section, contains("<span>nan</span>"));
}

TEST_CASE("each class is shown with the spikes of its own neuron") {
  Report report = report_of({});
  report.examples.resize(1);
  report.examples[0].output.spikes = {0, 0, 0,  // step 0
                                      0, 0, 0,  //
                                      0, 1, 0,  //
                                      0, 0, 1};
  const std::string section = examples_section(report);
  CHECK_THAT(section, contains(R"svg(Output spikes of kind 0"></svg>)svg"));
  CHECK_THAT(
      section,
      contains(R"svg(Output spikes of kind 1"><path transform="translate(.1 .5)" d="M2 0h.8")svg"));
  CHECK_THAT(
      section,
      contains(R"svg(Output spikes of kind 2"><path transform="translate(.1 .5)" d="M3 0h.8")svg"));
}

TEST_CASE("an output that does not spike has scores alone") {
  Report report = report_of({});
  for (ReportExample& shown : report.examples) {
    shown.output = {};
    shown.scores = {-1.5, 0, 4.5};
  }
  report.score_name = "membrane potential";
  const std::string section = examples_section(report);
  CHECK(markup_fault(section) == "");
  CHECK(occurrences(section, "Output spikes") == 0);
  CHECK_THAT(section, contains("Below, the membrane potential of each class."));
  CHECK_THAT(section, contains(R"(x="0.00" y="0" width="25.00")") &&
                          contains(R"(x="25.00" y="0" width="75.00")"));
}

TEST_CASE("scores that are all zero have no bars") {
  Report report = report_of({});
  for (ReportExample& shown : report.examples) shown.scores.assign(3, 0);
  const std::string section = examples_section(report);
  CHECK(markup_fault(section) == "");
  CHECK(occurrences(section, R"(width="0.00")") == 6);
}

TEST_CASE("parts of a report that do not fit each other are refused") {
  Report report = report_of({});
  ReportExample& first = report.examples[0];
  SECTION("confusion") {
    report.confusion.pop_back();
    CHECK_ERROR(report_html(report), invalid, "[report] confusion must have 3 x 3 counts; got 8.");
  }
  SECTION("negative counts") {
    report.confusion[1] = -1;
    CHECK_ERROR(report_html(report), invalid, "counts of the confusion must be >= 0; got -1.");
  }
  SECTION("epochs") {
    report.history[2].epoch = 2;
    CHECK_ERROR(report_html(report), invalid, "[report] epochs must rise; got 2 after 2.");
  }
  SECTION("classes") {
    report.examples[1].predicted_class = 3;
    CHECK_ERROR(report_html(report), invalid, "classes of example 1 must be in [0, 3); got 3.");
  }
  SECTION("scores") {
    first.scores.pop_back();
    CHECK_ERROR(report_html(report), invalid,
                "[report] example 0 must have a score for each of 3 classes; got 2.");
  }
  SECTION("output") {
    first.output = raster("output", 4, 2);
    CHECK_ERROR(report_html(report), invalid,
                "the output of example 0 must have a neuron for each of 3 classes; got 2.");
  }
  SECTION("spikes") {
    first.hidden[1].spikes.pop_back();
    CHECK_ERROR(report_html(report), invalid,
                "raster '5 IF' of example 0 must have steps x neurons = 4 x 5 spikes; got 19.");
  }
  SECTION("no spikes") {
    first.hidden[0] = {.name = "2 IF"};
    CHECK_ERROR(report_html(report), invalid, "raster '2 IF' of example 0 must not be empty.");
  }
  SECTION("image") {
    first.image.pop_back();
    CHECK_ERROR(report_html(report), invalid, "[png] 2 x 3 x 1 needs 6 bytes; got 5.");
  }
}

TEST_CASE("a report is written whole or not at all") {
  const test::TemporaryFolder folder;
  const Size size{.classes = 10};
  Report report = report_of(size);
  report.examples = {example(size, 9, 9)};
  const auto path = folder / "report.html";
  write_report(path, report);
  const std::string before = test::file_text(path);
  CHECK(before == report_html(report));
  report.title = "Another";
  std::filesystem::create_symlink("/dev/full", folder / "report.html.tmp");
  CHECK_ERROR(write_report(path, report), ErrorCode::io,
              "[report] cannot write " + path.string() + ".tmp: No space left on device.");
  CHECK(test::file_text(path) == before);
}

}  // namespace ranvier::apps
